// Snapshots over simulated shards that fail at random (support/snapshot-simulation.ts). HOLDFAST_SIMULATION_SEED runs one
// seed again, HOLDFAST_SIMULATION_RUNS says how many there are; `npm run soak -- snapshots` runs many.
import { describe, expect, it } from 'vitest'
import { type SnapshotCounts, simulateSnapshots } from '../support/snapshot-simulation.ts'

const runs = Number(process.env.HOLDFAST_SIMULATION_RUNS ?? 6)
const onlySeed = process.env.HOLDFAST_SIMULATION_SEED

describe('snapshots over simulated shards that fail at random', () => {
  const seeds = onlySeed === undefined ? Array.from({ length: runs }, (_, index) => index + 1) : [Number(onlySeed)]

  it(`hold what stood at the cut, and are restored everywhere or nowhere (${seeds.length} seeds)`, async () => {
    const totals: SnapshotCounts = { created: 0, restored: 0, refused: 0, unknown: 0, deaths: 0 }
    for (const seed of seeds) {
      const counts = await simulateSnapshots(seed)
      for (const name of Object.keys(totals) as (keyof SnapshotCounts)[]) totals[name] += counts[name]
    }
    if (onlySeed !== undefined) return
    expect(totals.created).toBeGreaterThan(0)
    expect(totals.restored).toBeGreaterThan(0)
    expect(totals.deaths).toBeGreaterThan(0)
  }, 120_000)
})
