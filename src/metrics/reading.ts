// What a scrape reads, and how samples are made of it. Shared by the definitions of metrics and by who collects them.
import type { Durability } from '../base/durability.ts'
import type { HistogramSnapshot } from '../base/histogram.ts'
import type { OutcomeCount } from '../base/outcome-counts.ts'
import type {
  BackupStatistics,
  FeedStatistics,
  FrontEndStatistics,
  ShardCondition,
  ShardStatistics,
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
export function fromCounts<Value>(value: (counts: ShardCounts) => Value) {
  return ({ shards }: Reading): Sample<Value>[] =>
    shards.flatMap(({ shard, counts }) => (counts === undefined ? [] : [{ labels: { shard }, value: value(counts) }]))
}

export function fromFeed(value: (statistics: FeedStatistics) => number) {
  return ({ feed }: Reading): Sample<number>[] => (feed === undefined ? [] : unlabelled(value(feed)))
}

export function fromFrontEnd(value: (statistics: FrontEndStatistics) => number) {
  return ({ frontEnd }: Reading): Sample<number>[] => (frontEnd === undefined ? [] : unlabelled(value(frontEnd)))
}

export function transactionsOver(span: string, transactions: readonly OutcomeCount[]): Sample<number>[] {
  const counted = transactions.filter(({ command }) => command === span)
  // The success stands at 0 before the first: a rise can be seen.
  const all = counted.some(({ outcome }) => outcome === 'ok') ? counted : [{ outcome: 'ok', count: 0 }, ...counted]
  return all.map(({ outcome, count }) => ({ labels: { shards: span, outcome }, value: count }))
}
