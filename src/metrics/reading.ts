// What a scrape reads, and how samples are made of it. Shared by the definitions of metrics and by who collects them.
import type { Durability } from '../base/durability.ts'
import type { HistogramSnapshot, NamedHistogram } from '../base/histogram.ts'
import type { OutcomeCount } from '../base/outcome-counts.ts'
import type {
  BackupStatistics,
  FeedStatistics,
  FrontEndStatistics,
  ShardCondition,
  ShardStatistics,
  StateSize,
} from '../protocol/statistics.ts'
import type { ShardCounts } from './totals.ts'

/** All that a scrape shows, read at one moment. */
export interface Reading {
  readonly durability: Durability
  /** By number. */
  readonly shards: readonly ShardReading[]
  /** Of the router and all shards, over all their lives. */
  readonly commands: readonly OutcomeCount[]
  /** By how many shards were involved, in place of the command. */
  readonly transactions: readonly OutcomeCount[]
  readonly requestSeconds: HistogramSnapshot
  readonly transactionSeconds: HistogramSnapshot
  /** By family, of all shards over all their lives. */
  readonly commandSeconds: readonly NamedHistogram[]
  readonly isReady: boolean
  readonly routerBusySeconds: number
  /** How many requests a mailbox takes. */
  readonly mailboxDepthMax: number
  /** The largest states of all shards, as many as the operator wants to see. */
  readonly largest: readonly (StateSize & { readonly shard: number })[]
  /** Of those that came about. */
  readonly snapshotSeconds: { readonly create: HistogramSnapshot; readonly restore: HistogramSnapshot }
  readonly backups: BackupStatistics
  readonly deaths: readonly ShardDeaths[]
  /** Undefined where the engine is embedded and has no front end. */
  readonly frontEnd: FrontEndStatistics | undefined
  /** Undefined where nothing is published. */
  readonly feed: FeedStatistics | undefined
}

export interface ShardReading {
  readonly shard: number
  readonly mailboxDepth: number
  readonly mailboxBytes: number
  /** How often it began to serve. */
  readonly lives: number
  readonly condition: ShardCondition
  /** What it told of itself just now; undefined for one that is down or did not answer in time. */
  readonly statistics: ShardStatistics | undefined
  /** What it counted over all its lives; undefined for one that never answered. */
  readonly counts: ShardCounts | undefined
}

export interface ShardDeaths {
  readonly shard: number
  readonly reason: string
  readonly count: number
}

export interface Sample<Value> {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: Value
}

interface Described {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
}

export type MetricDefinition =
  | (Described & { readonly type: 'counter' | 'gauge'; readonly samples: (reading: Reading) => Sample<number>[] })
  | (Described & { readonly type: 'histogram'; readonly samples: (reading: Reading) => Sample<HistogramSnapshot>[] })

export function unlabelled<Value>(value: Value): Sample<Value>[] {
  return [{ labels: {}, value }]
}

/** A value for each shard that answered: what is not known is left out. */
export function fromStatistics(
  value: (statistics: ShardStatistics) => number,
  labels: Readonly<Record<string, string>> = {},
) {
  return ({ shards }: Reading): Sample<number>[] =>
    shards.flatMap(({ shard, statistics }) =>
      statistics === undefined ? [] : [{ labels: { shard, ...labels }, value: value(statistics) }],
    )
}

export function shardGauge(
  name: string,
  help: string,
  value: (statistics: ShardStatistics) => number,
): MetricDefinition {
  return { name, type: 'gauge', help, labels: ['shard'], samples: fromStatistics(value) }
}

/** A value for each shard that ever answered: a counter stays where it was while its shard is down. */
function fromCounts<Value>(value: (counts: ShardCounts) => Value) {
  return ({ shards }: Reading): Sample<Value>[] =>
    shards.flatMap(({ shard, counts }) => (counts === undefined ? [] : [{ labels: { shard }, value: value(counts) }]))
}

export function shardCounter(name: string, help: string, value: (counts: ShardCounts) => number): MetricDefinition {
  return { name, type: 'counter', help, labels: ['shard'], samples: fromCounts(value) }
}

export function shardHistogram(
  name: string,
  help: string,
  value: (counts: ShardCounts) => HistogramSnapshot,
): MetricDefinition {
  return { name, type: 'histogram', help, labels: ['shard'], samples: fromCounts(value) }
}

/** Several histograms of each shard that ever answered, told apart by a label. */
export function named(label: string, value: (counts: ShardCounts) => readonly NamedHistogram[]) {
  return ({ shards }: Reading): Sample<HistogramSnapshot>[] =>
    shards.flatMap(({ shard, counts }) =>
      (counts === undefined ? [] : value(counts)).map(({ name, histogram }) => ({
        labels: { shard, [label]: name },
        value: histogram,
      })),
    )
}

/** A value for each shard, whether it answers or not: what the router knows of it. */
export function fromMailboxes(value: (shard: ShardReading) => number) {
  return ({ shards }: Reading): Sample<number>[] =>
    shards.map((reading) => ({ labels: { shard: reading.shard }, value: value(reading) }))
}

export function fromFeed<Value>(value: (statistics: FeedStatistics) => Value) {
  return ({ feed }: Reading): Sample<Value>[] => (feed === undefined ? [] : unlabelled(value(feed)))
}

export function feedGauge(name: string, help: string, value: (feed: FeedStatistics) => number): MetricDefinition {
  return { name, type: 'gauge', help, labels: [], samples: fromFeed(value) }
}

export function feedCounter(name: string, help: string, value: (feed: FeedStatistics) => number): MetricDefinition {
  return { name, type: 'counter', help, labels: [], samples: fromFeed(value) }
}

function fromFrontEnd(value: (statistics: FrontEndStatistics) => number) {
  return ({ frontEnd }: Reading): Sample<number>[] => (frontEnd === undefined ? [] : unlabelled(value(frontEnd)))
}

export function frontEndGauge(
  name: string,
  help: string,
  value: (frontEnd: FrontEndStatistics) => number,
): MetricDefinition {
  return { name, type: 'gauge', help, labels: [], samples: fromFrontEnd(value) }
}

export function frontEndCounter(
  name: string,
  help: string,
  value: (frontEnd: FrontEndStatistics) => number,
): MetricDefinition {
  return { name, type: 'counter', help, labels: [], samples: fromFrontEnd(value) }
}

export function transactionsOver(span: string, transactions: readonly OutcomeCount[]): Sample<number>[] {
  const counted = transactions.filter(({ command }) => command === span)
  // The success stands at 0 before the first: a rise can be seen.
  const all = counted.some(({ outcome }) => outcome === 'ok') ? counted : [{ outcome: 'ok', count: 0 }, ...counted]
  return all.map(({ outcome, count }) => ({ labels: { shards: span, outcome }, value: count }))
}
