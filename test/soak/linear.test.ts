// The short version of the campaign; `npm run soak -- linear --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { linearCampaign } from './linear.ts'

it('commands on shards that die are linearizable', async () => {
  const counts = await runRounds(linearCampaign, 1, 15)
  // With this seed one shard throws, and the other loses the answer of a commit.
  expect(counts).toMatchObject({ histories: 14, 'with deaths': 14, violations: 0, undecided: 0 })
}, 90_000)
