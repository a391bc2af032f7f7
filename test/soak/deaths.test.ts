// The short version of the campaigns; `npm run soak -- deaths quarantine --minutes 10` is the long one.
import { describe, expect, it } from 'vitest'
import { runRounds } from './campaign.ts'
import { deathCampaign, quarantineCampaign } from './deaths.ts'

const number = expect.any(Number)
const load = { acknowledged: number, 'said not to have run': number, 'outcome unknown': number }

describe('shards that die under load', () => {
  it('in each of four ways are back by themselves, and tell the truth', async () => {
    expect(await runRounds(deathCampaign, 4, 1)).toEqual({
      'deaths by throw': 1,
      'deaths by exit': 1,
      'deaths by out-of-memory': 1,
      'deaths by endless-loop': 1,
      ...load,
      'ms to recover, median': number,
      'ms to recover, longest': number,
    })
  }, 90_000)

  it('too often stay down until they are released, and have what was acknowledged', async () => {
    expect(await runRounds(quarantineCampaign, 1, 1)).toEqual({ quarantines: 1, ...load })
  }, 90_000)
})
