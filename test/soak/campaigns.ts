// Every campaign there is; `npm run soak` runs them in this order.
import type { Campaign } from './campaign.ts'
import { killCampaign } from './kills.ts'
import { watchCampaign } from './watch.ts'

export const campaigns: readonly Campaign[] = [killCampaign('strict'), killCampaign('relaxed'), watchCampaign]
