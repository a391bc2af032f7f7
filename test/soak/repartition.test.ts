// The short version of the campaign; `npm run soak -- repartition --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { repartitionCampaign } from './repartition.ts'

it('finds everything in a folder whose daemons were killed as they spread it over other numbers of shards', async () => {
  const counts = await runRounds(repartitionCampaign(100), 1, 3)
  expect(counts.kills).toBeGreaterThanOrEqual(2)
  expect(counts.acknowledged).toBeGreaterThanOrEqual(100)
}, 90_000)
