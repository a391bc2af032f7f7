// The short version of the campaign; `npm run soak -- retries-strict retries-relaxed --minutes 10` is the long one.
import { describe, expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { retryCampaign } from './retries.ts'

describe.each(['strict', 'relaxed'] as const)('writes to a daemon in %s mode over a bad network', (durability) => {
  it('run once each, though a fifth is lost, a fifth comes twice, and the daemon is killed', async () => {
    const counts = await runRounds(retryCampaign(durability, 1_000), 1, 1)
    expect(counts).toMatchObject({ increments: 1_000, creates: 1_000, kills: 1 })
    expect(Math.min(counts.lost as number, counts.doubled as number)).toBeGreaterThan(10)
  }, 60_000)
})
