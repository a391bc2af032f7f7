// The documents about soak say what the campaigns do: SOAK.md names each campaign in its own words, and every claim of the
// README's durability table names the campaign that tries it.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { campaigns } from './campaigns.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The cells of the table that follows a heading, without backticks. */
function tableAfter(text: string, heading: string): string[][] {
  const after = text.slice(text.indexOf(`\n${heading}\n`) + 1)
  const lines = after.slice(after.search(/^\|/m)).split(/\n(?!\|)/)[0] ?? ''
  const rows = lines.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
  return [rows[0] ?? [], ...rows.slice(2)]
}

const soak = read('test/SOAK.md')
const names = campaigns.map(({ name }) => name)

describe('test/SOAK.md', () => {
  it('names every campaign and what it tries, in its own words', () => {
    const [, ...rows] = tableAfter(soak, '## Campaigns')
    expect(rows).toEqual(campaigns.map(({ name, tries }) => [name, tries]))
  })

  it('shows last runs of campaigns that there are', () => {
    const [, ...rows] = tableAfter(soak, '## Last runs')
    expect(rows.map(([name]) => name).filter((name) => !names.includes(name ?? ''))).toEqual([])
  })

  it('has a campaign for each claim of the durability table of the README, in the same words', () => {
    const [[, , ...events] = [], ...modes] = tableAfter(read('README.md'), '## Durability')
    const claims = modes
      .filter(([mode]) => !mode?.startsWith('--memory'))
      .flatMap(([mode = '', , ...cells]) =>
        cells.map((cell, index) => [/strict|relaxed/.exec(mode)?.[0], events[index], cell]),
      )
    const [, ...rows] = tableAfter(soak, '## What the durability table of the README rests on')
    expect(rows.map((row) => row.slice(0, 3))).toEqual(claims)
    expect(rows.map((row) => row[3]).filter((name) => !names.includes(name ?? ''))).toEqual([])
    expect(claims).toHaveLength(4)
  })
})
