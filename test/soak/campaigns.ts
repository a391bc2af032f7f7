// Every campaign there is; `npm run soak` runs them in this order.
import type { Campaign } from './campaign.ts'
import { killCampaign } from './kills.ts'
import { transactionCampaign } from './transactions.ts'

export const campaigns: readonly Campaign[] = [
  killCampaign('strict'),
  killCampaign('relaxed'),
  transactionCampaign('strict'),
  transactionCampaign('relaxed'),
]
