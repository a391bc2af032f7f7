// The totals of a shard over its lives, against a plain model: add up every count that was told before its life ended.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from '../../src/base/histogram.ts'
import { ShardTotals, sumOutcomes } from '../../src/metrics/totals.ts'
import { statisticsOf } from '../support/shard-statistics.ts'

const bounds = [1, 2]

function histogramOf(...values: number[]) {
  const histogram = new Histogram(bounds)
  for (const value of values) histogram.observe(value)
  return histogram.snapshot()
}

describe('the totals of a shard', () => {
  it('are unknown until the shard has told something', () => {
    expect(new ShardTotals().counts).toBeUndefined()
  })

  it('are what it told last, as long as it lives', () => {
    const totals = new ShardTotals()
    totals.update(statisticsOf({ startedAt: 1, commits: 3 }))
    totals.update(statisticsOf({ startedAt: 1, commits: 5 }))
    expect(totals.counts?.commits).toBe(5)
  })

  it('add up counts, outcomes and histograms over its lives', () => {
    const totals = new ShardTotals()
    const ok = { command: 'SET_RECORD', outcome: 'ok' }
    const refused = { command: 'SET_RECORD', outcome: 'STATE_NOT_FOUND' }
    totals.update(
      statisticsOf({
        startedAt: 1,
        commits: 3,
        expiries: 20,
        retriesAnswered: 5,
        lockGrants: 7,
        lockExpiries: 2,
        fenced: 1,
        commands: [{ ...ok, count: 4 }],
        batchCommands: histogramOf(1, 2),
        batchSeconds: histogramOf(0.5),
        decideSeconds: histogramOf(0.125),
        commitSeconds: histogramOf(2),
        sliceSeconds: histogramOf(0.25),
        hookSeconds: histogramOf(0.5),
        hooks: [{ command: 'onChange', outcome: 'failed', count: 2 }],
        commandSeconds: [{ name: 'keys', histogram: histogramOf(0.5) }],
        mailboxSeconds: histogramOf(0.5),
        syncSeconds: histogramOf(0.5),
        waitSeconds: [{ name: 'lock', histogram: histogramOf(0.5) }],
        slowRequests: 1,
        busySeconds: 2,
        itemsLeased: 3,
        itemsReturned: 4,
        gapsClosed: 5,
        changesTold: 6,
      }),
    )
    totals.update(
      statisticsOf({
        startedAt: 2,
        commits: 1,
        expiries: 1,
        retriesAnswered: 2,
        lockGrants: 3,
        lockExpiries: 2,
        fenced: 4,
        commands: [
          { ...refused, count: 1 },
          { ...ok, count: 2 },
        ],
        batchCommands: histogramOf(2, 9),
        batchSeconds: histogramOf(1.5),
        decideSeconds: histogramOf(1.25),
        commitSeconds: histogramOf(4),
        sliceSeconds: histogramOf(0.75),
        hookSeconds: histogramOf(1.5),
        hooks: [{ command: 'onChange', outcome: 'failed', count: 1 }],
        commandSeconds: [{ name: 'keys', histogram: histogramOf(0.5) }],
        mailboxSeconds: histogramOf(0.5),
        syncSeconds: histogramOf(0.5),
        waitSeconds: [{ name: 'lock', histogram: histogramOf(0.5) }],
        slowRequests: 1,
        busySeconds: 2,
        itemsLeased: 3,
        itemsReturned: 4,
        gapsClosed: 5,
        changesTold: 6,
      }),
    )
    expect(totals.counts).toEqual({
      commits: 4,
      expiries: 21,
      retriesAnswered: 7,
      lockGrants: 10,
      lockExpiries: 4,
      fenced: 5,
      commands: [
        { ...ok, count: 6 },
        { ...refused, count: 1 },
      ],
      batchCommands: { bounds, counts: [1, 2, 1], sum: 14 },
      batchSeconds: { bounds, counts: [1, 1, 0], sum: 2 },
      decideSeconds: { bounds, counts: [1, 1, 0], sum: 1.375 },
      commitSeconds: { bounds, counts: [0, 1, 1], sum: 6 },
      sliceSeconds: { bounds, counts: [2, 0, 0], sum: 1 },
      hookSeconds: { bounds, counts: [1, 1, 0], sum: 2 },
      hooks: [{ command: 'onChange', outcome: 'failed', count: 3 }],
      commandSeconds: [{ name: 'keys', histogram: { bounds, counts: [2, 0, 0], sum: 1 } }],
      mailboxSeconds: { bounds, counts: [2, 0, 0], sum: 1 },
      syncSeconds: { bounds, counts: [2, 0, 0], sum: 1 },
      waitSeconds: [{ name: 'lock', histogram: { bounds, counts: [2, 0, 0], sum: 1 } }],
      slowRequests: 2,
      busySeconds: 4,
      itemsLeased: 6,
      itemsReturned: 8,
      gapsClosed: 10,
      changesTold: 12,
    })
  })

  it('notice a new life even where it has already counted more than the one before', () => {
    const totals = new ShardTotals()
    totals.update(statisticsOf({ startedAt: 1, commits: 3 }))
    totals.update(statisticsOf({ startedAt: 2, commits: 30 }))
    expect(totals.counts?.commits).toBe(33)
  })

  it('never fall, and lose nothing that was told, whatever the lives of the shard', () => {
    // Each life is the list of its commits between one question and the next.
    const lives = fc.array(fc.array(fc.nat(100), { minLength: 1 }))
    fc.assert(
      fc.property(lives, (grown) => {
        const totals = new ShardTotals()
        let told = 0
        for (const [startedAt, life] of grown.entries()) {
          let commits = 0
          for (const more of life) {
            commits += more
            told += more
            totals.update(statisticsOf({ startedAt, commits }))
            expect(totals.counts?.commits).toBe(told)
          }
        }
      }),
    )
  })
})

describe('sumOutcomes', () => {
  it('keeps commands and outcomes apart, the nameless command too', () => {
    const counts = [
      { command: '', outcome: 'INVALID_JSON', count: 1 },
      { command: 'PING', outcome: 'ok', count: 2 },
      { command: 'PING', outcome: 'INVALID_REQUEST', count: 3 },
    ]
    expect(sumOutcomes(counts, [], counts)).toEqual(counts.map(({ count, ...rest }) => ({ ...rest, count: count * 2 })))
  })
})
