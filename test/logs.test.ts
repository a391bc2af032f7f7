// The events of the log: each is logged somewhere, at the level of the table and no other, and docs/logs.md tells of all of
// them. `HOLDFAST_UPDATE_README=1` writes the table anew.
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { logEvents } from '../src/base/log-events.ts'
import { logEventsTable } from './support/readme-tables.ts'
import { treeFiles } from './support/tree.ts'

const file = 'docs/logs.md'
const section = /(<!-- events -->\n).*?(<!-- \/events -->)/s

if (process.env['HOLDFAST_UPDATE_README'] === '1') {
  const text = readFileSync(file, 'utf8')
  writeFileSync(
    file,
    text.replace(section, (_, open: string, close: string) => `${open}\n${logEventsTable()}\n\n${close}`),
  )
}

const sources = treeFiles('.')
  .filter((path) => /^(src|workers)\/.*\.ts$/.test(path))
  .map((path) => readFileSync(path, 'utf8'))
/** The level and the event of each line that is logged; hooks go by a method of their own, which always warns. */
const logged = sources.flatMap((text) => [
  ...[...text.matchAll(/\.(info|warn|error)\(\s*\{\s*event: '(\w+)'/g)].map(([, level, event]) => `${event} ${level}`),
  ...[...text.matchAll(/#warn\(\s*'(\w+)'/g)].map(([, event]) => `${event} warn`),
])

describe('the events of the log', () => {
  it('are those of the table, each at its level', () => {
    const declared = Object.entries(logEvents).map(([event, { level }]) => `${event} ${level}`)
    expect([...new Set(logged)].sort()).toEqual(declared.sort())
  })

  it('stand in docs/logs.md, with what they mean', () => {
    const text = section.exec(readFileSync(file, 'utf8'))?.[0] ?? ''
    expect(text.replace(/<!-- \/?events -->/g, '').trim()).toBe(logEventsTable())
  })

  it('are called after what happened, in words that a script can look for', () => {
    for (const event of Object.keys(logEvents)) expect(event).toMatch(/^[a-z]+(_[a-z]+)*$/)
  })
})
