// The short version of the campaign; `npm run soak -- damage --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { damageCampaign } from './damage.ts'

it('a shard whose files are damaged serves the truth or refuses, and its repair keeps all that is whole', async () => {
  const { refused = 0, whole = 0, ...counts } = await runRounds(damageCampaign, 100, 1)
  expect(refused + whole).toBe(100)
  expect(refused).toBeGreaterThan(30)
  expect(counts.repaired).toBeGreaterThan(5)
  expect(counts.engines).toBe(1)
}, 60_000)
