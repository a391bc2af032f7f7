// What a benchmark found: rows that set ours against a peer or against a bound, with everything needed to judge them.
// Shown as Markdown tables, which a terminal and a README can both bear; kept as JSON.
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { medianOf, type Sample, type Side, type Spread, spreadOf } from './support/rounds.ts'

export interface Goal {
  readonly bound: 'at least' | 'at most'
  readonly value: number
}

export interface Cpu {
  /** Microseconds of processor time for each command; undefined where nobody could tell. */
  readonly clientMicros: number | undefined
  readonly serverMicros: number | undefined
}

export interface Row {
  readonly what: string
  readonly unit: string
  readonly ours: Spread
  readonly oursCpu?: Cpu
  /** What ours is set against. */
  readonly peer?: { readonly name: string; readonly value: Spread; readonly cpu?: Cpu }
  /** Ours divided by the peer's in the same round. */
  readonly ratio?: Spread
  /** Of the median ratio, or of the value where there is no peer. */
  readonly goal?: Goal
  readonly isMet?: boolean
}

export interface Report {
  readonly name: string
  readonly question: string
  readonly startedAt: string
  readonly machine: Readonly<Record<string, string | number>>
  readonly versions: Readonly<Record<string, string>>
  readonly rounds: number
  readonly seconds: number
  readonly rows: readonly Row[]
  /** What one should know to read the rows: what was left out, and why. */
  readonly notes: readonly string[]
}

export function machine(): Report['machine'] {
  const [processor] = cpus()
  return {
    processor: processor?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.versions.node,
  }
}

/** A side of a comparison: what was measured of it, round by round. */
export interface Values {
  readonly name: string
  readonly values: readonly number[]
  readonly cpu?: Cpu
}

export interface Subject {
  readonly what: string
  readonly unit: string
  readonly goal?: Goal | undefined
}

/** Sets one side against the other, round by round, and against the goal, which is meant of the ratio if there is one. */
export function rowOf({ what, unit, goal }: Subject, ours: Values, peer?: Values): Row {
  const ratios = peer && ours.values.map((value, round) => value / (peer.values[round] ?? Number.NaN))
  const row: Row = {
    what,
    unit,
    ours: spreadOf(ours.values),
    ...(ours.cpu && { oursCpu: ours.cpu }),
    ...(peer && { peer: { name: peer.name, value: spreadOf(peer.values), ...(peer.cpu && { cpu: peer.cpu }) } }),
    ...(ratios && { ratio: spreadOf(ratios) }),
  }
  if (goal === undefined) return row
  const { median } = row.ratio ?? row.ours
  return { ...row, goal, isMet: goal.bound === 'at least' ? median >= goal.value : median <= goal.value }
}

export interface Comparison extends Omit<Subject, 'unit'> {
  readonly unit?: string
  /** What is compared of a sample. Default: commands a second. */
  readonly value?: (sample: Sample) => number | undefined
}

/** Sets the samples of one side against those of the other. A goal that is meant of a ratio counts only with a peer. */
export function compare(comparison: Comparison, ours: Side, peer?: Side): Row {
  const { what, unit = 'commands/s', value = ({ perSecond }) => perSecond, goal } = comparison
  const valuesOf = ({ name, samples }: Side): Values => ({
    name,
    values: samples.map((sample) => value(sample) ?? Number.NaN),
    cpu: cpuOf(samples),
  })
  const subject = { what, unit, goal: peer === undefined ? undefined : goal }
  return rowOf(subject, valuesOf(ours), peer && valuesOf(peer))
}

function cpuOf(samples: readonly Sample[]): Cpu {
  return {
    clientMicros: medianOf(samples.map(({ clientMicros }) => clientMicros)),
    serverMicros: medianOf(samples.map(({ serverMicros }) => serverMicros)),
  }
}

export function markdown(report: Report): string {
  const { name, question, rows, notes } = report
  const header = ['what', 'unit', 'ours', 'peer', '', 'ratio', 'goal', 'CPU µs ours', 'CPU µs peer']
  const body = rows.map((row) => [
    row.what,
    row.unit,
    spread(row.ours),
    row.peer?.name ?? '',
    row.peer === undefined ? '' : spread(row.peer.value),
    row.ratio === undefined ? '' : `**${short(row.ratio.median)}** (${short(row.ratio.min)}–${short(row.ratio.max)})`,
    verdict(row),
    cpu(row.oursCpu),
    cpu(row.peer?.cpu),
  ])
  return [`### ${name}: ${question}`, '', ...aligned([header, ...body]), '', ...notes.map((note) => `- ${note}`)].join(
    '\n',
  )
}

/** How a run came about, for above its tables. */
export function circumstances({ machine: place, versions, startedAt, rounds, seconds }: Report): string {
  const { processor, cores, memoryGiB, system, node } = place
  const all = Object.entries(versions).map(([what, version]) => `${what} ${version}`)
  return (
    `${startedAt.slice(0, 10)}, ${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}; ` +
    `${all.join(', ')}; ${rounds} rounds of ${seconds} s each.`
  )
}

function verdict({ goal, isMet }: Row): string {
  if (goal === undefined) return ''
  return `${goal.bound === 'at least' ? '≥' : '≤'} ${short(goal.value)} ${isMet === true ? 'met' : '**missed**'}`
}

function spread({ median, min, max }: Spread): string {
  return min === max ? short(median) : `${short(median)} (${short(min)}–${short(max)})`
}

function cpu(of: Cpu | undefined): string {
  const part = (micros: number | undefined): string => (micros === undefined ? '–' : short(micros))
  return of === undefined ? '' : `${part(of.clientMicros)} + ${part(of.serverMicros)}`
}

/** Three digits that count; thousands as k, millions as M. */
function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  for (const [factor, suffix] of [
    [1_000_000, ' M'],
    [1_000, ' k'],
  ] as const) {
    if (value >= factor * 0.9995) return `${Number((value / factor).toPrecision(3))}${suffix}`
  }
  return String(Number(value.toPrecision(value >= 100 ? 4 : 3)))
}

function aligned(table: readonly (readonly string[])[]): string[] {
  const [header = []] = table
  const widths = header.map((_, column) => Math.max(3, ...table.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [first = '', ...rest] = table.map(line)
  return [first, line(widths.map((width) => '-'.repeat(width))), ...rest]
}
