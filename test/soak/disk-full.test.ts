// The short version of the campaign; `npm run soak -- disk-full-strict disk-full-relaxed --minutes 5` is the long one.
import { expect, it } from 'vitest'
import { describeOnSmallDisk } from '../support/small-disk.ts'
import { runRounds } from './campaign.ts'
import { diskFullCampaign } from './disk-full.ts'

describeOnSmallDisk('a daemon whose disk is full', () => {
  it('serves reads and deletes, loses nothing, and takes writes again, also when it is killed meanwhile', async () => {
    const counts = await runRounds(diskFullCampaign('strict', 4), 2, 1)
    expect(counts.fills).toBe(2)
    expect(counts.refused).toBeGreaterThanOrEqual(2)
    expect(counts.deletes).toBeGreaterThan(10)
  }, 90_000)
})
