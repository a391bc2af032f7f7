// Histograms as they come in replies: what was counted between two of them, several as one, and the value below which a share
// of all values lies. Pure.
import type { HistogramSnapshot } from '../../base/histogram.ts'

export type Counted = HistogramSnapshot

const nothing: Counted = { bounds: [], counts: [], sum: 0 }

/** What was counted since an earlier one; all of it where there is none. */
export function difference(now: Counted, before: Counted | undefined): Counted {
  if (before === undefined) return now
  return {
    bounds: now.bounds,
    counts: now.counts.map((count, bucket) => Math.max(0, count - (before.counts[bucket] ?? 0))),
    sum: now.sum - before.sum,
  }
}

/** All have the same bounds. */
export function sumOf(all: readonly Counted[]): Counted {
  const [first = nothing] = all
  return {
    bounds: first.bounds,
    counts: first.counts.map((_, bucket) => all.reduce((sum, { counts }) => sum + (counts[bucket] ?? 0), 0)),
    sum: all.reduce((total, { sum }) => total + sum, 0),
  }
}

/**
 * The value below which this share of all lies, as if those of a bucket lay evenly in it; the last bound where it is beyond
 * all bounds; undefined of nothing.
 */
export function quantileOf({ bounds, counts }: Counted, share: number): number | undefined {
  const wanted = counts.reduce((sum, count) => sum + count, 0) * share
  if (wanted === 0) return undefined
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    const to = bounds[bucket]
    if (below + count < wanted || count === 0) below += count
    else if (to === undefined) break
    else {
      const from = bounds[bucket - 1] ?? 0
      return from + ((to - from) * (wanted - below)) / count
    }
  }
  return bounds.at(-1)
}
