// The short version of the campaign; `npm run soak -- linear-simulated --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { simulatedLinearCampaign } from './linear-simulated.ts'

it('commands on simulated shards that fail at any step are linearizable', async () => {
  const counts = await runRounds(simulatedLinearCampaign, 6, 1)
  expect(counts).toMatchObject({ histories: 42, violations: 0, undecided: 0 })
  expect(counts['with deaths']).toBeGreaterThan(10)
  expect(counts['outcome unknown']).toBeGreaterThan(42)
}, 60_000)
