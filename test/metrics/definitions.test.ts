// The list of metrics against the rules of Prometheus for names, and against what else is made of it.

import { describe, expect, it } from 'vitest'
import { deathReasons, metricDefinitions } from '../../src/metrics/definitions.ts'
import type { DeathReason } from '../../src/router/quarantine.ts'
import { metricsTable } from '../support/readme-tables.ts'

describe('the list of metrics', () => {
  it('gives every metric a name of its own', () => {
    const names = metricDefinitions.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThan(20)
  })

  it.each(metricDefinitions)('names $name as Prometheus asks for', ({ name, type, help, labels }) => {
    expect(name).toMatch(/^holdfast(_[a-z]+)+$/)
    expect(name.endsWith('_total')).toBe(type === 'counter')
    expect(name).not.toMatch(/milli|_ms\b|kilo|mega|minutes/)
    expect(help).toMatch(/^[^|\n]+\.$/)
    for (const label of labels) expect(label).toMatch(/^[a-z]+$/)
  })

  it('names every reason for which a shard can die', () => {
    // A reason that is new does not compile until it stands here.
    const reasons: Record<DeathReason, true> = { failed: true, hung: true, out_of_memory: true, exited: true }
    expect([...deathReasons].sort()).toEqual(Object.keys(reasons).sort())
  })
})

describe('the table of metrics for the README', () => {
  const rows = metricsTable().split('\n')

  it('has a row for each metric, in the order of the list', () => {
    expect(rows.slice(2).map((row) => /^\| `(\w+)`/.exec(row)?.[1])).toEqual(metricDefinitions.map(({ name }) => name))
  })

  it('has columns of one width, as the formatter leaves them', () => {
    expect(rows[1]).toMatch(/^\| -{3,}( \| -{3,})+ \|$/)
    const columns = (row: string) => [...row.matchAll(/\|/g)].map(({ index }) => index)
    for (const row of rows) expect(columns(row)).toEqual(columns(rows[0] ?? ''))
  })

  it('tells the type, the labels and the meaning', () => {
    expect(rows.find((row) => row.includes('holdfast_commands_total'))).toMatch(
      /\| counter +\| `command`, `outcome` +\| Commands answered .*refusal +\|$/,
    )
  })
})
