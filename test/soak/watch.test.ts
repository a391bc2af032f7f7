// The short version of the campaign; `npm run soak -- watch --minutes 10` is the long one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { randomFrom } from '../support/random.ts'
import { type Counts, runRounds } from './campaign.ts'
import { watchCampaign } from './watch.ts'
import { crowdRound } from './watch-crowd.ts'

it('a watch tells every change once and in order, or says that it cannot, whatever comes in between', async () => {
  const counts = await runRounds(watchCampaign, 2, 1)
  expect(counts).toMatchObject({ rounds: 2, 'unannounced gaps': 0 })
  expect(counts.events).toBeGreaterThan(10_000)
  expect(counts.resumes).toBeGreaterThan(20)
}, 60_000)

it('thousands of watches at once are told everything, over a restart and beside others that come and go', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-crowd-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const counts: Counts = {}
  await crowdRound(folder, randomFrom(1), counts, { states: 2_000, restarts: 1, comers: 1, writesPerRestart: 1_000 })
  expect(counts).toMatchObject({ 'written to crowds': 3_000, restarts: 1 })
  // One for each watch that is ready; how many changes come behind them, and not before, depends on the machine.
  expect(counts['events of crowds']).toBeGreaterThan(2_000)
}, 120_000)
