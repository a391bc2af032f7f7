// A simulated engine (support/simulation.ts) whose journal and shards fail: each caller gets one answer, and it is true. A
// failing run prints its seed; HOLDFAST_SIMULATION_SEED runs that one again, HOLDFAST_SIMULATION_RUNS says how many there
// are.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { Store } from '../support/keeping-journal.ts'
import { settled } from '../support/shard-harness.ts'
import { SimulatedClient } from '../support/simulated-client.ts'
import { createMachine, expectMachineTruth, machineName, randomMachineCommand } from '../support/simulated-machine.ts'
import { Simulation } from '../support/simulation.ts'

const runs = Number(process.env.HOLDFAST_SIMULATION_RUNS ?? 60)
const onlySeed = process.env.HOLDFAST_SIMULATION_SEED

interface Call {
  readonly command: JsonObject
  readonly replies: JsonObject[]
  /** Whether it was sent until its client knew what became of it. */
  readonly isNumbered: boolean
}

const states = ['a', 'b', 'c', 'd']

function randomCommand(random: (below: number) => number, tag: number): JsonObject {
  const state = states[random(states.length)] as string
  const kinds: JsonObject[] = [
    { cmd: 'CREATE_RECORD', data: { tag } },
    { cmd: 'CREATE_RECORD', data: { tag } },
    { cmd: 'SET_RECORD', id: random(5) + 1, data: { tag } },
    { cmd: 'PATCH_RECORD', id: random(5) + 1, data: { tag } },
    { cmd: 'GET_RECORD', id: random(5) + 1 },
    { cmd: 'LIST_RECORDS' },
    { cmd: 'SET_STATE', data: Array.from({ length: random(20) === 0 ? 1_100 : random(3) }, () => ({ tag })) },
  ]
  return { state, ...kinds[random(kinds.length)] }
}

async function simulate(seed: number): Promise<{ calls: Call[]; simulation: Simulation; copies: number }> {
  const simulation = new Simulation(seed)
  await settled()
  const calls: Call[] = []
  const { router, random, scheduler } = simulation
  const client = new SimulatedClient({ router, random, later: (event) => scheduler.add('client', event) })
  const call = (command: JsonObject): void => {
    const isNumbered = simulation.faults && isWrite(command) && simulation.random(3) === 0
    if (!isNumbered) return void calls.push({ command, replies: simulation.call(command), isNumbered })
    const replies: JsonObject[] = []
    calls.push({ command, replies, isNumbered })
    client.send(command, (reply) => replies.push(reply))
  }
  simulation.faults = false
  for (const state of states) call({ cmd: 'CREATE_STATE', state })
  call(createMachine)
  while (await simulation.scheduler.step());
  simulation.faults = true
  for (let tag = 1; tag <= 150; tag += 1) {
    for (let burst = simulation.random(4); burst >= 0; burst -= 1)
      call((simulation.random(3) === 0 ? randomMachineCommand : randomCommand)(simulation.random, tag * 10 + burst))
    if (simulation.random(3) === 0) simulation.advance(simulation.random(300))
    for (let steps = simulation.random(6); steps > 0; steps -= 1) await simulation.scheduler.step()
  }
  while (await simulation.scheduler.step());
  simulation.faults = false
  // A shard whose journal refused leaves what is due for a second.
  simulation.advance(2_000)
  while (await simulation.scheduler.step());
  for (const state of states) call({ cmd: 'LIST_RECORDS', state })
  call({ cmd: 'LIST_INSTANCES', state: machineName })
  while (await simulation.scheduler.step());
  return { calls, simulation, copies: client.copies }
}

type Answered = { readonly command: JsonObject; readonly reply: JsonObject }

/** Holds what the callers of one state were told against what its journal holds. */
function expectTruth(state: string, answered: readonly Answered[], store: Store, where: string): void {
  const changes = new Map(
    store.commits
      .flatMap((commit) => commit.changes.filter((change) => change.subject !== 'lock'))
      .filter((change) => change.state === state)
      .map((change) => [change.version, change]),
  )
  const told = answered.filter(({ reply }) => reply.status === 'ok')
  const writes = told.filter(({ command, reply }) => isWrite(command) && reply.patched !== false)
  const versions = writes.map(({ reply }) => reply.version)
  expect(new Set(versions).size, `${where}: each version of ${state} is given to one write`).toBe(versions.length)
  for (const { command, reply } of writes) {
    const change = changes.get(reply.version as number)
    expect(change, `${where}: ${JSON.stringify(reply)} is in the journal`).toBeDefined()
    if (change?.subject !== 'record') continue
    expect(change.id, where).toBe(reply.id ?? command.id)
    expect(change.after?.record.tag, where).toBe((command.data as JsonObject).tag)
  }
  let readsChecked = 0
  for (const { command, reply } of told) {
    const held = store.history.get(`${state} ${reply.version as number}`)
    if (held === undefined || isWrite(command)) continue
    readsChecked += 1
    if (command.cmd === 'LIST_RECORDS') expect(reply.records, where).toEqual(held)
    else expect(reply.record, where).toEqual(held.find(({ id }) => id === command.id) ?? null)
  }
  expect(readsChecked, `${where}: reads were compared`).toBeGreaterThan(0)
}

const reads: ReadonlySet<unknown> = new Set(['GET_RECORD', 'LIST_RECORDS', 'GET_INSTANCE', 'LIST_INSTANCES'])
const recordWrites: ReadonlySet<unknown> = new Set(['CREATE_RECORD', 'SET_RECORD', 'PATCH_RECORD'])
const isWrite = ({ cmd }: JsonObject): boolean => !reads.has(cmd)

/** Holds against the journals that what was sent again and again ran once. */
function expectRunOnce(calls: readonly Call[], stores: readonly Store[], where: string): number {
  const tags = stores.flatMap(({ commits }) => commits).flatMap(({ changes }) => changes)
  const runs = new Map<unknown, number>()
  for (const change of tags) {
    if (change.subject !== 'record' || change.after === undefined) continue
    const { tag } = change.after.record
    runs.set(tag, (runs.get(tag) ?? 0) + 1)
  }
  const numbered = calls.filter(({ command, isNumbered }) => isNumbered && recordWrites.has(command.cmd))
  for (const { command, replies } of numbered) {
    const [reply] = replies as [JsonObject]
    const { tag } = command.data as JsonObject
    const said = `${where}: ${JSON.stringify(command)} with ${JSON.stringify(reply)}`
    const count = runs.get(tag) ?? 0
    // A copy that comes only after the shard that refused it has died may still run, but never more than once.
    if (reply.status === 'ok' && reply.patched !== false) expect(count, said).toBe(1)
    else expect(count, said).toBeLessThanOrEqual(1)
  }
  return numbered.length
}

describe('a simulated engine whose journal and shards fail at random', () => {
  const seeds = onlySeed === undefined ? Array.from({ length: runs }, (_, index) => index + 1) : [Number(onlySeed)]

  it(`answers each request once, and with the truth (${seeds.length} seeds)`, async () => {
    const totals = { deaths: 0, refused: 0, unknown: 0, timers: 0, numbered: 0, again: 0 }
    for (const seed of seeds) {
      const { calls, simulation, copies } = await simulate(seed)
      const where = `HOLDFAST_SIMULATION_SEED=${seed}`
      for (const { command, replies } of calls) {
        expect(replies, `${where}: one answer to ${JSON.stringify(command).slice(0, 100)}`).toHaveLength(1)
      }
      const answered = calls.map(({ command, replies }) => ({ command, reply: replies[0] as JsonObject }))
      for (const state of states) {
        const store = simulation.stores.find((each) => each.states.has(state)) as Store
        const here = answered.filter(({ command }) => command.state === state)
        expect(here.at(-1)?.reply.version, `${where}: nothing stands that is not committed`).toBe(
          store.states.get(state)?.version,
        )
        expectTruth(state, here, store, where)
      }
      const store = simulation.stores.find((each) => each.machines.has(machineName)) as Store
      expect(answered.at(-1)?.reply.version, where).toBe(store.machines.get(machineName)?.version)
      totals.timers += expectMachineTruth(answered, store, simulation.now, where)
      const numbered = expectRunOnce(calls, simulation.stores, where)
      totals.numbered += numbered
      totals.again += copies - numbered
      totals.deaths += simulation.deaths
      totals.refused += answered.filter(({ reply }) => reply.code === 'STORAGE_FULL').length
      totals.unknown += answered.filter(({ reply }) => reply.code === 'OUTCOME_UNKNOWN').length
    }
    // Otherwise the simulation shows nothing.
    expect(Math.min(...Object.values(totals))).toBeGreaterThan(seeds.length / 4)
  }, 120_000)
})
