// What a shard counted over all its lives. A shard counts from its own start, so a new life begins at nothing, while a
// counter in Prometheus must never fall. What a life counted after it was last asked dies with it: nobody else saw it.
import type { HistogramSnapshot, NamedHistogram } from '../base/histogram.ts'
import type { OutcomeCount } from '../base/outcome-counts.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'

/** The part of a shard's statistics that only ever grows during a life. */
export type ShardCounts = Pick<
  ShardStatistics,
  | 'commands'
  | 'commandSeconds'
  | 'mailboxSeconds'
  | 'decideSeconds'
  | 'commitSeconds'
  | 'syncSeconds'
  | 'waitSeconds'
  | 'slowRequests'
  | 'busySeconds'
  | 'itemsLeased'
  | 'itemsReturned'
  | 'gapsClosed'
  | 'changesTold'
  | 'batchCommands'
  | 'batchSeconds'
  | 'sliceSeconds'
  | 'commits'
  | 'expiries'
  | 'lockGrants'
  | 'lockExpiries'
  | 'fenced'
  | 'retriesAnswered'
  | 'hooks'
  | 'hookSeconds'
>

export class ShardTotals {
  #earlierLives: ShardCounts | undefined
  #life: ShardStatistics | undefined

  /** Takes the newest statistics of the shard. */
  update(statistics: ShardStatistics): void {
    const life = this.#life
    if (life !== undefined && life.startedAt !== statistics.startedAt) {
      this.#earlierLives = sumCounts(this.#earlierLives, life)
    }
    this.#life = statistics
  }

  /** Undefined as long as the shard has told nothing. */
  get counts(): ShardCounts | undefined {
    return this.#life && sumCounts(this.#earlierLives, this.#life)
  }
}

/** One entry for each command and outcome. */
export function sumOutcomes(...lists: (readonly OutcomeCount[])[]): OutcomeCount[] {
  const sums = new Map<string, OutcomeCount>()
  for (const { command, outcome, count } of lists.flat()) {
    const key = `${command} ${outcome}`
    sums.set(key, { command, outcome, count: count + (sums.get(key)?.count ?? 0) })
  }
  return [...sums.values()]
}

function sumCounts(earlier: ShardCounts | undefined, life: ShardCounts): ShardCounts {
  if (earlier === undefined) return life
  return {
    commands: sumOutcomes(earlier.commands, life.commands),
    commandSeconds: sumNamed(earlier.commandSeconds, life.commandSeconds),
    mailboxSeconds: sumHistograms(earlier.mailboxSeconds, life.mailboxSeconds),
    decideSeconds: sumHistograms(earlier.decideSeconds, life.decideSeconds),
    commitSeconds: sumHistograms(earlier.commitSeconds, life.commitSeconds),
    syncSeconds: sumHistograms(earlier.syncSeconds, life.syncSeconds),
    waitSeconds: sumNamed(earlier.waitSeconds, life.waitSeconds),
    slowRequests: earlier.slowRequests + life.slowRequests,
    busySeconds: earlier.busySeconds + life.busySeconds,
    itemsLeased: earlier.itemsLeased + life.itemsLeased,
    itemsReturned: earlier.itemsReturned + life.itemsReturned,
    gapsClosed: earlier.gapsClosed + life.gapsClosed,
    changesTold: earlier.changesTold + life.changesTold,
    batchCommands: sumHistograms(earlier.batchCommands, life.batchCommands),
    batchSeconds: sumHistograms(earlier.batchSeconds, life.batchSeconds),
    sliceSeconds: sumHistograms(earlier.sliceSeconds, life.sliceSeconds),
    commits: earlier.commits + life.commits,
    expiries: earlier.expiries + life.expiries,
    retriesAnswered: earlier.retriesAnswered + life.retriesAnswered,
    lockGrants: earlier.lockGrants + life.lockGrants,
    lockExpiries: earlier.lockExpiries + life.lockExpiries,
    fenced: earlier.fenced + life.fenced,
    hooks: sumOutcomes(earlier.hooks, life.hooks),
    hookSeconds: sumHistograms(earlier.hookSeconds, life.hookSeconds),
  }
}

/** One for each name. */
export function sumNamed(...lists: (readonly NamedHistogram[])[]): NamedHistogram[] {
  const sums = new Map<string, HistogramSnapshot>()
  for (const { name, histogram } of lists.flat()) {
    const before = sums.get(name)
    sums.set(name, before === undefined ? histogram : sumHistograms(before, histogram))
  }
  return [...sums].map(([name, histogram]) => ({ name, histogram }))
}

/** Both have the same bounds: they are of the same histogram. */
function sumHistograms(a: HistogramSnapshot, b: HistogramSnapshot): HistogramSnapshot {
  return {
    bounds: a.bounds,
    counts: a.counts.map((count, bucket) => count + (b.counts[bucket] as number)),
    sum: a.sum + b.sum,
  }
}
