// Makes a Prometheus registry of what the engine counts by itself. Nothing is counted here and nothing is kept between
// scrapes but the totals of the shards: each scrape asks every shard once, and all metrics show that one reading.
import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import type { Durability } from '../base/durability.ts'
import type { HistogramSnapshot } from '../base/histogram.ts'
import type { Limits } from '../base/limits.ts'
import type { OutcomeCount } from '../base/outcome-counts.ts'
import type {
  BackupStatistics,
  FeedStatistics,
  FrontEndStatistics,
  ShardCondition,
  ShardStatistics,
} from '../protocol/statistics.ts'
import { metricDefinitions } from './definitions.ts'
import type { MetricDefinition, Reading, Sample, ShardDeaths, ShardReading } from './reading.ts'
import { ShardTotals, sumNamed, sumOutcomes } from './totals.ts'

/** What is asked for numbers: an engine, or what stands for one in a test. */
export interface MetricsSource {
  readonly durability: Durability
  /** One for each shard, in order. */
  readonly mailboxes: readonly {
    readonly depth: number
    readonly bytes: number
    readonly lives: number
    readonly condition: ShardCondition
  }[]
  readonly limits: Pick<Limits, 'mailboxCommandsMax'>
  readonly router: {
    readonly isReady: boolean
    readonly transactionSeconds: { snapshot(): HistogramSnapshot }
    readonly requestSeconds: { snapshot(): HistogramSnapshot }
    readonly answered: { list(): readonly OutcomeCount[] }
    readonly transactions: { list(): readonly OutcomeCount[] }
    readonly snapshots: {
      readonly seconds: {
        readonly create: { snapshot(): HistogramSnapshot }
        readonly restore: { snapshot(): HistogramSnapshot }
      }
    }
    readonly backups: { statistics(): BackupStatistics }
  }
  /** The statistics of each shard, in order; undefined for one that is down or does not answer within the time. */
  statistics(answerMsMax: number, largest: number): Promise<(ShardStatistics | undefined)[]>
  deaths(): readonly ShardDeaths[]
}

export interface FrontEndSource {
  statistics(): FrontEndStatistics
}

export interface FeedSource {
  statistics(): FeedStatistics
}

export interface MetricsOptions {
  /** Of so many of the largest states of the engine the name and the size are shown. Default: 0. */
  readonly largest?: number
}

/** A scraper waits ten seconds by default; a shard that is slower than this shall not cost it the other metrics. */
const answerMsMax = 1_000

/**
 * A registry that shows the metrics of an engine, and those of its front end and its feed where it has them. Make only one for an
 * engine: each keeps its own totals of the shards' earlier lives.
 */
export function createMetricsRegistry(
  source: MetricsSource,
  frontEnd?: FrontEndSource,
  feed?: FeedSource,
  { largest = 0 }: MetricsOptions = {},
): Registry {
  const registry = new Registry()
  const reader = new Reader(source, frontEnd, feed, largest)
  for (const definition of metricDefinitions) {
    // The declared type lists prom-client's own metrics, which count by themselves; a registry only ever calls `get`.
    registry.registerMetric(new ReadMetric(definition, reader) as unknown as Metric)
  }
  return registry
}

/** Adds what prom-client measures of this process and thread. It goes on for as long as the process lives. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  // These gauges are named like counters, which Prometheus's own check refuses.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`)
}

/** Reads the source once for all the metrics that ask at the same time, which are those of one scrape. */
class Reader {
  readonly #source: MetricsSource
  readonly #frontEnd: FrontEndSource | undefined
  readonly #feed: FeedSource | undefined
  readonly #totals: readonly ShardTotals[]
  readonly #largest: number
  #reading: Promise<Reading> | undefined

  constructor(
    source: MetricsSource,
    frontEnd: FrontEndSource | undefined,
    feed: FeedSource | undefined,
    largest: number,
  ) {
    this.#largest = largest
    this.#source = source
    this.#frontEnd = frontEnd
    this.#feed = feed
    this.#totals = source.mailboxes.map(() => new ShardTotals())
  }

  read(): Promise<Reading> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<Reading> {
    const { mailboxes, router, durability, limits } = this.#source
    const answers = await this.#source.statistics(answerMsMax, this.#largest)
    const shards = mailboxes.map(({ depth, bytes, lives, condition }, shard) => {
      const statistics = answers[shard]
      const totals = this.#totals[shard] as ShardTotals
      if (statistics !== undefined) totals.update(statistics)
      return { shard, mailboxDepth: depth, mailboxBytes: bytes, lives, condition, statistics, counts: totals.counts }
    })
    return {
      durability,
      shards,
      commands: sumOutcomes(router.answered.list(), ...shards.map(({ counts }) => counts?.commands ?? [])),
      transactions: router.transactions.list(),
      requestSeconds: router.requestSeconds.snapshot(),
      transactionSeconds: router.transactionSeconds.snapshot(),
      commandSeconds: sumNamed(...shards.map(({ counts }) => counts?.commandSeconds ?? [])),
      isReady: router.isReady,
      routerBusySeconds: performance.eventLoopUtilization().active / 1000,
      mailboxDepthMax: limits.mailboxCommandsMax,
      largest: largestOf(shards, this.#largest),
      snapshotSeconds: {
        create: router.snapshots.seconds.create.snapshot(),
        restore: router.snapshots.seconds.restore.snapshot(),
      },
      backups: router.backups.statistics(),
      deaths: this.#source.deaths(),
      frontEnd: this.#frontEnd?.statistics(),
      feed: this.#feed?.statistics(),
    }
  }
}

function largestOf(shards: readonly ShardReading[], most: number): Reading['largest'] {
  const sizes = shards.flatMap(({ shard, statistics }) =>
    (statistics?.largest ?? []).map((size) => ({ ...size, shard })),
  )
  return sizes.sort((one, other) => other.bytes - one.bytes).slice(0, most)
}

/** One line of a scrape, as a registry wants it. */
interface Line extends Sample<number> {
  /** Where it differs from the name of the metric. */
  readonly metricName?: string
}

/** A metric whose values are read and not counted. */
class ReadMetric {
  readonly name: string
  readonly #definition: MetricDefinition
  readonly #reader: Reader

  constructor(definition: MetricDefinition, reader: Reader) {
    this.name = definition.name
    this.#definition = definition
    this.#reader = reader
  }

  async get(): Promise<{ name: string; help: string; type: string; values: readonly Line[] }> {
    const { name, help, type } = this.#definition
    return { name, help, type, values: linesOf(this.#definition, await this.#reader.read()) }
  }
}

function linesOf(definition: MetricDefinition, reading: Reading): readonly Line[] {
  if (definition.type !== 'histogram') return definition.samples(reading)
  return definition.samples(reading).flatMap((sample) => bucketLines(definition.name, sample))
}

/** Prometheus wants each bucket to count all that lies below its bound. */
function bucketLines(name: string, { labels, value: { bounds, counts, sum } }: Sample<HistogramSnapshot>): Line[] {
  let total = 0
  const buckets = counts.map((count, bucket) => {
    total += count
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[bucket] ?? '+Inf' }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
