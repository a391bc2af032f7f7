// The short version of the campaign; `npm run soak -- watch --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { watchCampaign } from './watch.ts'

it('a watch tells every change once and in order, or says that it cannot, whatever comes in between', async () => {
  const counts = await runRounds(watchCampaign, 2, 1)
  expect(counts).toMatchObject({ rounds: 2, 'unannounced gaps': 0 })
  expect(counts.events).toBeGreaterThan(10_000)
  expect(counts.resumes).toBeGreaterThan(20)
}, 60_000)
