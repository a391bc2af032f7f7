// The short versions of the campaigns; `npm run soak -- import-kills import-growth --minutes 10` are the long ones.
import { describe, expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { importGrowthCampaign, importKillCampaign } from './imports.ts'

describe('an import', () => {
  it('that is killed goes on, and brings each row in once', async () => {
    const counts = await runRounds(importKillCampaign(8_000), 1, 5)
    expect(counts).toMatchObject({ imports: 1, rows: 8_000 })
    expect(counts.kills).toBeGreaterThanOrEqual(1)
  }, 90_000)

  it('holds a bounded part of its file', async () => {
    const counts = await runRounds(importGrowthCampaign({ from: 20_000, to: 20_000, megabytesMax: 512 }), 1, 1)
    expect(counts.rows).toBe(20_000)
  }, 90_000)
})
