// The short version of the campaign; `npm run soak -- backup-strict backup-relaxed --minutes 10` is the long one.
import { expect, it } from 'vitest'
import { backupCampaign } from './backup.ts'
import { runRounds } from './campaign.ts'

it('has whole backups only under their names, though the daemon is killed while it makes one', async () => {
  const counts = await runRounds(backupCampaign('relaxed', 40), 1, 5)
  expect(counts.kills).toBe(1)
  expect(counts.transfers).toBeGreaterThan(0)
}, 90_000)
