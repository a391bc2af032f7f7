// What a soak campaign is: one promise, tried again and again with random choices that a seed repeats. `npm run soak` runs
// it for minutes, a test beside it for some rounds; both run the same code. A broken promise is thrown.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a campaign saw: each count under the name that test/SOAK.md shows. */
export type Counts = Record<string, number>

export interface CampaignRun {
  /** Decides every random choice of the campaign's own; what threads and disks do is not repeated. */
  readonly seed: number
  /** A folder of the run's own, removed after it. */
  readonly folder: string
  /** Asked before each round: whether there is to be one more. */
  readonly goesOn: () => boolean
}

export interface Campaign {
  readonly name: string
  /** The promise it tries, in one sentence. */
  readonly tries: string
  /** Rejects as soon as the promise is broken. The counts say how much was tried. */
  run(run: CampaignRun): Promise<Counts>
}

/** Runs so many rounds. */
export function runRounds(campaign: Campaign, rounds: number, seed: number): Promise<Counts> {
  let left = rounds
  return runWhile(campaign, () => left-- > 0, seed)
}

/** Begins no more rounds once the time is over. */
export function runMinutes(campaign: Campaign, minutes: number, seed: number): Promise<Counts> {
  const end = performance.now() + minutes * 60_000
  return runWhile(campaign, () => performance.now() < end, seed)
}

async function runWhile(campaign: Campaign, goesOn: () => boolean, seed: number): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), `holdfast-soak-${campaign.name}-`))
  try {
    return await campaign.run({ seed, folder, goesOn })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
