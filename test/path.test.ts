// The path of a command from socket to reply, as ARCHITECTURE.md lists it: at most eight files, each of which imports the
// next, or shares with it the type of the message that passes between them; the last one is reached on the way back.
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = new URL('..', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')

/** What passes between two files that do not import each other. */
const messageTypes = ['src/protocol/mailbox.ts', 'src/command/decide.ts']

function listedPath(text: string): string[] {
  const section = /<!-- path -->(.*)<!-- \/path -->/s.exec(text)?.[1] ?? ''
  return [...section.matchAll(/^\| *\d+ *\| *`([^`]+)`/gm)].map(([, file = '']) => file)
}

function importsOf(file: string): string[] {
  return [...read(file).matchAll(/from '(\.[^']+)'/g)].map(([, specifier = '']) =>
    posix.join(posix.dirname(file), specifier),
  )
}

function isConnected(from: string, to: string): boolean {
  const [fromImports, toImports] = [importsOf(from), importsOf(to)]
  return fromImports.includes(to) || messageTypes.some((type) => fromImports.includes(type) && toImports.includes(type))
}

describe('the path of a command', () => {
  const path = listedPath(read('ARCHITECTURE.md'))

  it('is eight files long at the most, and begins and ends at the socket', () => {
    expect(path.length).toBeGreaterThan(4)
    expect(path.length).toBeLessThanOrEqual(8)
    expect(path[0]).toMatch(/^src\/frontend\//)
    expect(path.at(-1)).toMatch(/^src\/frontend\//)
    expect(path).toContain('src/command/records.ts')
  })

  it('leads from each file to the next', () => {
    const wayIn = path.slice(0, -1)
    const gaps = wayIn.slice(1).flatMap((next, index) => (isConnected(wayIn[index] ?? '', next) ? [] : [next]))
    expect(gaps).toEqual([])
  })

  it('leads back through a file of the way in to the one that sends the reply', () => {
    const last = path.at(-1) ?? ''
    expect(path.slice(0, 3).some((file) => importsOf(file).includes(last))).toBe(true)
  })
})
