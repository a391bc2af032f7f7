// The short version of the campaign; `npm run soak -- kills-strict kills-relaxed --minutes 10` is the long one.
import { describe, expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { killCampaign } from './kills.ts'

describe.each(['strict', 'relaxed'] as const)('a daemon in %s mode that is killed under load', (durability) => {
  it('has every write that it had acknowledged', async () => {
    const counts = await runRounds(killCampaign(durability, 1_000), 2, 113)
    // With this seed one of them while it starts, and one by the clock.
    expect(counts).toMatchObject({ kills: 3, 'of them at the start': 1 })
    expect(counts.acknowledged).toBeGreaterThanOrEqual(1_000)
  }, 90_000)
})
