// Every campaign there is; `npm run soak` runs them in this order.
import { backupCampaign } from './backup.ts'
import type { Campaign } from './campaign.ts'
import { damageCampaign } from './damage.ts'
import { deathCampaign, quarantineCampaign } from './deaths.ts'
import { diskFullCampaign } from './disk-full.ts'
import { importGrowthCampaign, importKillCampaign } from './imports.ts'
import { killCampaign } from './kills.ts'
import { linearCampaign } from './linear.ts'
import { simulatedLinearCampaign } from './linear-simulated.ts'
import { lockCampaign } from './locks.ts'
import { powerCutCampaign } from './power-cuts.ts'
import { repartitionCampaign } from './repartition.ts'
import { retryCampaign } from './retries.ts'
import { snapshotCampaign } from './snapshots.ts'
import { transactionCampaign } from './transactions.ts'
import { watchCampaign } from './watch.ts'

export const campaigns: readonly Campaign[] = [
  killCampaign('strict'),
  killCampaign('relaxed'),
  powerCutCampaign('strict'),
  powerCutCampaign('relaxed'),
  diskFullCampaign('strict'),
  diskFullCampaign('relaxed'),
  retryCampaign('strict'),
  retryCampaign('relaxed'),
  damageCampaign,
  repartitionCampaign(),
  backupCampaign('strict'),
  backupCampaign('relaxed'),
  lockCampaign,
  watchCampaign,
  deathCampaign,
  quarantineCampaign,
  transactionCampaign('strict'),
  transactionCampaign('relaxed'),
  linearCampaign,
  simulatedLinearCampaign,
  importKillCampaign(),
  importGrowthCampaign(),
  snapshotCampaign(),
]
