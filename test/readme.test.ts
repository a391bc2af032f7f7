// README tells the truth: its tables are those of the code. `HOLDFAST_UPDATE_README=1` writes them anew.
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { commandsTable, errorsTable, metricsTable } from './support/readme-tables.ts'

const file = new URL('../README.md', import.meta.url)
const readme = readFileSync(file, 'utf8')

function section(name: string, text: string): string {
  return new RegExp(`<!-- ${name} -->\n(.*?)<!-- /${name} -->`, 's').exec(text)?.[1]?.trim() ?? 'no such section'
}

const tables = { commands: commandsTable, errors: errorsTable, metrics: metricsTable }

if (process.env.HOLDFAST_UPDATE_README === '1') {
  let updated = readme
  for (const [name, table] of Object.entries(tables)) {
    const pattern = new RegExp(`(<!-- ${name} -->\n).*?(<!-- /${name} -->)`, 's')
    updated = updated.replace(pattern, (_, open: string, close: string) => `${open}\n${table()}\n\n${close}`)
  }
  writeFileSync(file, updated)
}

describe('the README', () => {
  it.each(Object.entries(tables))('has the table of %s as the code has it', (name, table) => {
    expect(section(name, readFileSync(file, 'utf8'))).toBe(table())
  })

  it('shows both commands on its first screen', () => {
    const firstScreen = readme.split('\n').slice(0, 25).join('\n')
    expect(firstScreen).toContain('npm start')
    expect(firstScreen).toContain('npm test')
  })
})
