// The short version of the campaign; `npm run soak -- transactions-strict transactions-relaxed --minutes 10` is the long one.
import { describe, expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { transactionCampaign } from './transactions.ts'

describe('an engine that is killed at each step of its transactions', () => {
  it('has all of each or nothing', async () => {
    const counts = await runRounds(transactionCampaign('relaxed'), 3, 1)
    expect(counts).toMatchObject({
      kills: 3,
      'kill-after-decide': 1,
      'kill-after-prepare': 1,
      'kill-before-finish': 1,
    })
    expect(counts.committed).toBeGreaterThan(3)
  }, 120_000)
})
