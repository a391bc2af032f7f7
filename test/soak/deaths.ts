// Shards that die under load in every way there is, and come back by themselves; and shards that die too often, which do
// not, until they are released. What may be heard meanwhile is held against the truth by shard-load.ts.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import type { Fault } from '../../src/protocol/control.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { randomFrom } from '../support/random.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'
import { ShardLoad, shards, statesOf } from './shard-load.ts'

const faults: readonly Fault[] = ['throw', 'exit', 'out-of-memory', 'endless-loop']
const limits = {
  shardHeapMegabytesMax: 64,
  // A shard that is short of processors, or of memory and collects garbage, is silent for a while and must not count.
  shardSilenceMsMax: 1_000,
}

async function dieAgainAndAgain({ seed, folder, goesOn }: CampaignRun): Promise<Counts> {
  const random = randomFrom(seed)
  const load = await ShardLoad.start(folder, { ...limits, shardDeathsMax: Number.MAX_SAFE_INTEGER })
  const ended = new Map(faults.map((fault) => [fault, 0]))
  const recoveredMs: number[] = []
  const die = async (): Promise<void> => {
    for (let round = 0; goesOn(); round += 1) {
      const fault = faults[round % faults.length] as Fault
      const shard = random(shards)
      await load.end(shard, fault)
      const diedAt = performance.now()
      await new Promise<void>((resolve) => load.engine.mailboxes[shard]?.whenReady(resolve))
      recoveredMs.push(performance.now() - diedAt)
      await load.isWritten(shard)
      ended.set(fault, (ended.get(fault) ?? 0) + 1)
    }
  }
  try {
    await load.whileWriting(die())
    await load.finish()
  } finally {
    await load.close()
  }
  const deaths = Object.fromEntries([...ended].map(([fault, count]) => [`deaths by ${fault}`, count]))
  return { ...deaths, ...load.counts, ...recovery(recoveredMs) }
}

/** From the notice of the death to the first moment at which commands are taken again. */
function recovery(milliseconds: readonly number[]): Counts {
  const sorted = [...milliseconds].sort((a, b) => a - b)
  const at = (share: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)
  return { 'ms to recover, median': at(0.5), 'ms to recover, longest': at(1) }
}

async function quarantineAgainAndAgain({ seed, folder, goesOn }: CampaignRun): Promise<Counts> {
  const random = randomFrom(seed)
  const load = await ShardLoad.start(folder, limits)
  const { engine } = load
  let quarantines = 0
  const quarantine = async (): Promise<void> => {
    for (; goesOn(); quarantines += 1) {
      const shard = random(shards)
      for (let death = 1; death <= engine.limits.shardDeathsMax; death += 1) {
        await load.isWritten(shard)
        await load.end(shard, random(2) === 0 ? 'throw' : 'exit')
      }
      const { shards: quarantined } = await engine.call({ cmd: 'LIST_QUARANTINED' })
      const entries = quarantined as { shard: number; deaths: number; last_command: JsonObject }[]
      const expected = [[shard, engine.limits.shardDeathsMax]]
      deepStrictEqual(
        entries.map((entry) => [entry.shard, entry.deaths]),
        expected,
      )
      const { cmd, state } = entries[0]?.last_command ?? {}
      ok(cmd === 'SET_RECORD' || cmd === 'GET_RECORD', 'the last command is named')
      ok(statesOf(shard).includes(state as string), 'its state is one of this shard')
      const { missing_shards: missing } = await engine.call({ cmd: 'LIST_STATES' })
      deepStrictEqual(missing, [shard])
      for (let other = 0; other < shards; other += 1) if (other !== shard) await load.isWritten(other)
      const { released } = await engine.call({ cmd: 'RELEASE_SHARD', shard })
      strictEqual(released, true)
      await load.isWritten(shard)
    }
  }
  try {
    await load.whileWriting(quarantine())
    await load.finish()
  } finally {
    await load.close()
  }
  return { quarantines, ...load.counts }
}

export const deathCampaign: Campaign = {
  name: 'deaths',
  tries: 'a shard that dies leaves the others untouched, is back by itself, and each of its callers hears the truth',
  run: dieAgainAndAgain,
}

export const quarantineCampaign: Campaign = {
  name: 'quarantine',
  tries: 'a shard that dies too often stays down alone, and has all that was acknowledged once it is released',
  run: quarantineAgainAndAgain,
}
