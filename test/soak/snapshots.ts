// Snapshots, tried in two ways: over simulated shards that fail at every step, where what is restored has to be what stood at
// the cut; and with a daemon that is killed while it makes or restores one, where nothing may be half done, and nothing lost.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { type Client, connect } from '../../src/client/index.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { type RunningDaemon, startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import { namesOnShard } from '../support/shards.ts'
import { simulateSnapshots } from '../support/snapshot-simulation.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const shards = 2
const states = [0, 1].flatMap((shard) => namesOnShard(shard, shards, 1))
const rows = 4_000
const labels = ['a', 'b', 'c', 'd']
/** Mostly it is killed before the command is over; how long that takes depends on what else the machine does. */
const killMsMax = [80, 250, 1_200]

/** A daemon on the folder, and what it is known to hold: in all states the same mark, in every row. */
class Victim {
  readonly #args: readonly string[]
  #daemon: RunningDaemon | undefined
  #client: Client | undefined
  mark = 0
  /** What each label may hold; more than one where a creation was cut short. */
  readonly made = new Map<string, number[]>()

  constructor(folder: string) {
    this.#args = ['--data', folder, '--shards', String(shards)]
  }

  get client(): Client {
    return this.#client as Client
  }

  async start(): Promise<void> {
    this.#daemon = await startDaemon(this.#args)
    this.#client = await connect(this.#daemon.endpoint, { retry: false })
  }

  /** Ends it without warning. */
  async kill(): Promise<void> {
    await this.#daemon?.program.end()
    await this.#client?.close({ waitMs: 0 })
  }

  async end(): Promise<void> {
    await this.kill()
  }

  async write(): Promise<void> {
    this.mark += 1
    for (const state of states) {
      const data = Array.from({ length: rows }, (_, n) => ({ n, mark: this.mark, text: `row ${n} of ${this.mark}` }))
      await this.client.call({ cmd: 'SET_STATE', state, data })
    }
  }

  /** The one mark that is in every row of every state. */
  async found(): Promise<number> {
    const marks = new Set<number>()
    for (const state of states) {
      const { records } = await this.client.call({ cmd: 'LIST_RECORDS', state })
      strictEqual((records as JsonObject[]).length, rows, `all rows of ${state}`)
      for (const { mark } of records as JsonObject[]) marks.add(mark as number)
    }
    strictEqual(marks.size, 1, `one mark in all states, not ${[...marks].join(', ')}`)
    return [...marks][0] as number
  }

  /** Runs a command, and kills the daemon at some moment of it. True if it was answered before. */
  async runAndKill(command: { cmd: string; label: string }, afterMs: number): Promise<boolean> {
    const outcome = this.client.call(command).then(
      () => true,
      (error: { code?: string }) => {
        strictEqual(error.code, 'OUTCOME_UNKNOWN', JSON.stringify(error))
        return false
      },
    )
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    await this.kill()
    return outcome
  }

  /** Holds the list of snapshots against what is known. */
  async compare(): Promise<void> {
    const { snapshots } = await this.client.call({ cmd: 'LIST_SNAPSHOTS' })
    const listed = (snapshots as JsonObject[]).map(({ label }) => label as string).sort()
    for (const [label, marks] of this.made) {
      if (!marks.includes(0) || listed.includes(label)) continue
      // Its first creation was cut short before it was there.
      this.made.delete(label)
    }
    deepStrictEqual(listed, [...this.made.keys()].sort(), 'every snapshot that was made is there, and no other')
  }
}

function killAfter(random: (below: number) => number): number {
  return random(killMsMax[random(killMsMax.length)] as number)
}

async function killRound(victim: Victim, random: (below: number) => number, counts: Counts): Promise<void> {
  await victim.write()
  const label = labels[random(labels.length)] as string
  const before = victim.made.get(label) ?? [0]
  const isMade = await victim.runAndKill({ cmd: 'CREATE_SNAPSHOT', label }, killAfter(random))
  victim.made.set(label, isMade ? [victim.mark] : [...before, victim.mark])
  counts['kills while making'] = (counts['kills while making'] ?? 0) + 1
  if (isMade) counts['of them too late'] = (counts['of them too late'] ?? 0) + 1
  await victim.start()
  await victim.compare()
  strictEqual(await victim.found(), victim.mark, 'what was written is there')
  const wanted = [...victim.made.keys()][random(victim.made.size)]
  if (wanted === undefined) return
  await victim.write()
  const isRestored = await victim.runAndKill({ cmd: 'RESTORE_SNAPSHOT', label: wanted }, killAfter(random))
  counts['kills while restoring'] = (counts['kills while restoring'] ?? 0) + 1
  if (isRestored) counts['of them too late'] = (counts['of them too late'] ?? 0) + 1
  await victim.start()
  const found = await victim.found()
  const possible = (victim.made.get(wanted) ?? []).filter((mark) => mark !== 0)
  if (isRestored) ok(possible.includes(found), `what was restored is there: ${found}, not of ${possible.join(', ')}`)
  else ok(found === victim.mark || possible.includes(found), `all or nothing: ${found}`)
  if (found !== victim.mark) victim.made.set(wanted, [found])
}

async function run({ seed, folder, goesOn }: CampaignRun, simulationsPerRound: number): Promise<Counts> {
  const random = randomFrom(seed)
  const counts: Counts = { simulations: 0, created: 0, restored: 0, 'shards that died': 0 }
  const add = (name: string, by: number): number => (counts[name] = (counts[name] ?? 0) + by)
  const victim = new Victim(folder)
  await victim.start()
  try {
    for (const state of states) await victim.client.call({ cmd: 'CREATE_STATE', state })
    await victim.write()
    await victim.client.snapshots.create('first')
    victim.made.set('first', [victim.mark])
    for (let round = 0; goesOn(); round += 1) {
      for (let each = 0; each < simulationsPerRound; each += 1) {
        const seen = await simulateSnapshots(seed + round * simulationsPerRound + each)
        add('simulations', 1)
        add('created', seen.created)
        add('restored', seen.restored)
        add('shards that died', seen.deaths)
      }
      await killRound(victim, random, counts)
    }
    return counts
  } finally {
    await victim.end()
  }
}

/** So many runs of the simulation for each kill of both sorts. */
export function snapshotCampaign(simulationsPerRound = 5): Campaign {
  return {
    name: 'snapshots',
    tries: 'a snapshot holds what stood at one moment, and is made and restored whole or not at all',
    run: (given) => run(given, simulationsPerRound),
  }
}
