// The metrics of code of the operator's that shards call. See definitions.ts, which joins them to the others.
import { hookNames } from '../../protocol/hooks.ts'
import { type MetricDefinition, type Sample, shardHistogram } from '../reading.ts'
import type { ShardCounts } from '../totals.ts'

/** What becomes of calls of hooks, each from 0 on: a rise can be seen. */
const hookOutcomes = ['ok', 'slow', 'refused', 'failed', 'skipped']
const hookSeries = hookNames.flatMap((hook) => hookOutcomes.map((outcome) => ({ hook, outcome })))

export const hookMetrics: readonly MetricDefinition[] = [
  {
    name: 'holdfast_hook_calls_total',
    type: 'counter',
    help: 'Calls of hooks by outcome: ok, slow, refused, failed, or skipped where too many promises are unfinished.',
    labels: ['shard', 'hook', 'outcome'],
    samples: ({ shards }) =>
      shards.flatMap(({ shard, counts }) =>
        counts === undefined ? [] : hookSeries.map((series) => hookSample(shard, counts, series)),
      ),
  },
  shardHistogram(
    'holdfast_hook_duration_seconds',
    'Time for which a call of a hook kept its shard.',
    ({ hookSeconds }) => hookSeconds,
  ),
]

function hookSample(shard: number, { hooks }: ShardCounts, series: (typeof hookSeries)[number]): Sample<number> {
  const found = hooks.find(({ command, outcome }) => command === series.hook && outcome === series.outcome)
  return { labels: { shard, ...series }, value: found?.count ?? 0 }
}
