// The short version of the campaign; `npm run soak -- snapshots --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { snapshotCampaign } from './snapshots.ts'

it('makes and restores snapshots whole or not at all, also when it is killed meanwhile', async () => {
  const counts = await runRounds(snapshotCampaign(1), 1, 7)
  expect(counts).toMatchObject({ simulations: 1, 'kills while making': 1 })
}, 120_000)
