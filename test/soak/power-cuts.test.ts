// The short version of the campaign; `npm run soak -- power-cuts-strict power-cuts-relaxed --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { describeWithPeer } from '../support/peers.ts'
import { compiler } from '../support/shim.ts'
import { runRounds } from './campaign.ts'
import { powerCutCampaign } from './power-cuts.ts'

describeWithPeer('a disk after a power cut', compiler(), () => {
  it('has every write that was acknowledged in strict mode, whatever it keeps of what was not secured', async () => {
    const counts = await runRounds(
      powerCutCampaign('strict', { lives: 2, lifeMs: 250, restMs: 5, cuts: 14, shards: 0 }),
      2,
      1,
    )
    expect(counts).toMatchObject({ recordings: 2, cuts: 28, 'acknowledged and lost': 0 })
    // Each commit waits for a barrier, and not only the ends of the lives.
    expect(counts.barriers).toBeGreaterThan(100)
  }, 120_000)

  it('lacks at most the last second of relaxed mode, and only the newest of it', async () => {
    const counts = await runRounds(
      powerCutCampaign('relaxed', { lives: 1, lifeMs: 2_200, restMs: 60, cuts: 24, shards: 0 }),
      1,
      1,
    )
    expect(counts).toMatchObject({ recordings: 1, cuts: 24 })
    // Otherwise no cut has come in between.
    expect(counts['acknowledged and lost']).toBeGreaterThan(0)
  }, 120_000)

  it('has no transaction by half, though each of two shards may lack its last second', async () => {
    const effort = { lives: 1, lifeMs: 600, restMs: 20, cuts: 50, shards: 2 }
    const counts = await runRounds(powerCutCampaign('relaxed', effort), 1, 1)
    expect(counts).toMatchObject({ recordings: 1, cuts: 50 })
  }, 120_000)
})
