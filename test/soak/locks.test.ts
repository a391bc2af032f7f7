// The short version of the campaign; `npm run soak -- locks --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { lockCampaign } from './locks.ts'

it('holders that are stopped past their time, and a daemon that is killed, leave locks and fences as promised', async () => {
  const counts = await runRounds(lockCampaign, 2, 1)
  expect(counts).toMatchObject({ rounds: 2, stops: 2, kills: 1, 'stale writes accepted': 0, 'two holders': 0 })
  expect(counts.grants).toBeGreaterThanOrEqual(24)
}, 90_000)
