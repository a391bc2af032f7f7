// The short version of the campaign; `npm run soak -- kills-strict kills-relaxed --minutes 10` is the long one.
import { describe, expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { killCampaign } from './kills.ts'

describe.each(['strict', 'relaxed'] as const)('a daemon in %s mode that is killed under load', (durability) => {
  it('has every write that it had acknowledged', async () => {
    const counts = await runRounds(killCampaign(durability), 3, 1)
    expect(counts).toEqual({ kills: 3, acknowledged: expect.any(Number) })
    expect(counts.acknowledged).toBeGreaterThanOrEqual(3 * 1_500)
  }, 90_000)
})
