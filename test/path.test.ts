// The path of a command from socket to reply, as ARCHITECTURE.md lists it: at most eight files, each of which imports the
// next, or something that both import and that carries messages between them.
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = new URL('..', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')

function listedPath(): string[] {
  const section = /<!-- path -->(.*)<!-- \/path -->/s.exec(read('ARCHITECTURE.md'))?.[1] ?? ''
  return [...section.matchAll(/^\| \d+ \| `([^`]+)`/gm)].map(([, file = '']) => file)
}

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/from '(\.[^']+)'/g)].map(([, specifier = '']) =>
    posix.join(posix.dirname(file), specifier),
  )
}

/** What a file imports, and what stands beside it in its own folder and is imported by it. */
function reach(file: string): Set<string> {
  const imports = importsOf(file)
  const helpers = imports.filter((target) => posix.dirname(target) === posix.dirname(file))
  return new Set([...imports, ...helpers.flatMap(importsOf)])
}

describe('the path of a command', () => {
  const path = listedPath()

  it('is at most eight files long, from the socket to the change', () => {
    expect(path[0]).toMatch(/^src\/frontend\//)
    expect(path.at(-1)).toBe('src/state/change.ts')
    expect(path.length).toBeGreaterThan(4)
    expect(path.length).toBeLessThanOrEqual(8)
  })

  it('leads from each file to the next by an import, or by the message type that both import', () => {
    const broken = path.slice(1).flatMap((next, index) => {
      const file = path[index] as string
      const shared = importsOf(next).filter((target) => reach(file).has(target))
      const carriesMessages = shared.some((target) => target.startsWith('src/protocol/'))
      const connected = reach(file).has(next) || reach(next).has(file) || carriesMessages
      return connected ? [] : [`${file} → ${next}`]
    })
    expect(broken).toEqual([])
  })
})
