// The short version of the campaign; `npm run soak -- transactions-strict transactions-relaxed --minutes 10` is the long
// one. And the check that it rests on.
import { describe, expect, it } from 'vitest'
import { inOneOrder } from '../support/serial-order.ts'
import { runRounds } from './campaign.ts'
import { transactionCampaign, withoutThreads } from './transactions.ts'

describe('an engine that is killed at each step of its transactions', () => {
  it('has all of each or nothing', async () => {
    const counts = await runRounds(transactionCampaign('relaxed', [withoutThreads]), 3, 1)
    expect(counts).toMatchObject({
      kills: 3,
      'kills after decide': 1,
      'kills after prepare': 1,
      'kills before finish': 1,
      'deaths after prepare': 1,
      'deaths before finish': 1,
      'deaths before decide': 1,
    })
    expect(counts.committed).toBeGreaterThan(3)
  }, 120_000)
})

describe('the one order of transactions and reads', () => {
  const never = { invokedAt: 0, answeredAt: Number.POSITIVE_INFINITY }
  const logs = new Map([
    ['a', [1, 2]],
    ['b', [1, 2]],
  ])
  const at = (moment: number) => ({ invokedAt: moment, answeredAt: moment })
  const tagged = (...tags: number[]) => tags.map((tag) => ({ tag, ...never }))

  it('is there where all lists agree, and not where two of them differ', () => {
    expect(inOneOrder(logs, tagged(1, 2))).toBe(true)
    expect(inOneOrder(new Map([...logs, ['c', [2, 1]]]), tagged(1, 2))).toBe(false)
  })

  it('is none where one was answered before the one ahead of it in a list was asked for', () => {
    expect(
      inOneOrder(logs, [
        { tag: 1, ...at(5) },
        { tag: 2, ...at(7) },
      ]),
    ).toBe(true)
    expect(
      inOneOrder(logs, [
        { tag: 1, ...at(7) },
        { tag: 2, ...at(5) },
      ]),
    ).toBe(false)
  })

  it('is none where a read saw a transaction in one list, and a later read did not in another', () => {
    const seen = { state: 'a', length: 2, ...at(5) }
    expect(inOneOrder(logs, tagged(1, 2), [seen, { state: 'b', length: 2, ...at(7) }])).toBe(true)
    expect(inOneOrder(logs, tagged(1, 2), [seen, { state: 'b', length: 1, ...at(7) }])).toBe(false)
    expect(inOneOrder(logs, tagged(1, 2), [seen, { state: 'b', length: 0, ...at(3) }])).toBe(true)
    expect(inOneOrder(logs, tagged(1, 2), [{ ...seen, length: 3 }])).toBe(false)
  })
})
