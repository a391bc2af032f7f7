// Transactions over three simulated shards (support/simulation.ts) that die, refuse and lose their answers at every step:
// all of a transaction happens or none, nobody waits for ever, and what callers saw fits one order of all of them. A failing
// run prints its seed; HOLDFAST_SIMULATION_SEED runs that one again, HOLDFAST_SIMULATION_RUNS says how many there are.
import { describe, expect, it } from 'vitest'
import type { Commit } from '../../src/journal/journal.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { inOneOrder } from '../support/serial-order.ts'
import { settled } from '../support/shard-harness.ts'
import { namesOnShard } from '../support/shards.ts'
import { Simulation } from '../support/simulation.ts'

const runs = Number(process.env.HOLDFAST_SIMULATION_RUNS ?? 30)
const onlySeed = process.env.HOLDFAST_SIMULATION_SEED
const shards = 3
const states = Array.from({ length: shards }, (_, shard) => namesOnShard(shard, shards, 2)).flat()
const tables = Array.from({ length: shards }, (_, shard) => namesOnShard(shard, shards, 1, 'table')).flat()
const startingBalance = 1_000
/** Where a commit goes wrong, by what it is to bring. */
type Where = 'prepare' | 'decide' | 'finish' | 'run'

interface Call {
  readonly command: JsonObject
  readonly replies: JsonObject[]
}

interface Transfer extends Call {
  readonly tag: number
  readonly states: readonly string[]
  readonly times: { readonly invokedAt: number; readonly answeredAt: number }
}

function pick(random: (below: number) => number): string[] {
  const all = [...states]
  const count = 2 + random(2)
  return Array.from({ length: count }, () => all.splice(random(all.length), 1)[0] as string)
}

/** Moves money along the states, and leaves the tag in a list of each. */
function operationsOf(random: (below: number) => number, tag: number, along: readonly string[]): JsonValue[] {
  const amount = 1 + random(9)
  const ops: JsonValue[] = along.flatMap((state, index) => [
    { cmd: 'PUSH_LIST', state, key: 'log', item: tag },
    { cmd: 'INCREMENT_KEY', state, key: 'balance', by: index === 0 ? -amount * (along.length - 1) : amount },
  ])
  const last = along.at(-1) as string
  if (random(6) === 0) ops.push({ check: { state: last, key: 'log', version: random(8) } })
  if (random(8) === 0) ops.push({ cmd: 'CREATE_KEY', state: last, key: 'balance', value: 0 })
  if (random(8) === 0) ops.push({ cmd: 'SET_KEY', state: `${last}'s own`, key: `${tag}`, value: tag, ttl: 0.2 })
  // Behind a big command it waits, and holds its other states meanwhile.
  if (random(5) === 0) ops.push({ cmd: 'CREATE_RECORD', state: tables[random(shards)] as string, data: { tag } })
  return ops
}

function whereOf({ kept = [] }: Commit): Where {
  const written = kept.find(({ value }) => value !== undefined)
  if (written !== undefined) return written.table === 'prepared' ? 'prepare' : 'decide'
  return kept.some(({ table }) => table === 'prepared') ? 'finish' : 'run'
}

interface Outcome {
  readonly simulation: Simulation
  readonly transfers: readonly Transfer[]
  readonly others: readonly Call[]
  readonly logs: ReadonlyMap<string, readonly number[]>
  readonly balances: readonly number[]
  readonly faults: ReadonlyMap<string, number>
}

async function simulate(seed: number): Promise<Outcome> {
  const simulation = new Simulation(seed, { shards, limits: { requestDeadlineMs: 5_000 } })
  const { random } = simulation
  const transfers: Transfer[] = []
  const others: Call[] = []
  const ask = (command: JsonObject): unknown => others.push({ command, replies: simulation.call(command) })
  const faults = new Map<string, number>()
  let clock = 0
  simulation.noticeFault = (commit, outcome) => {
    const name = `${whereOf(commit)} ${outcome ?? 'death'}`
    faults.set(name, (faults.get(name) ?? 0) + 1)
  }
  simulation.faults = false
  await settled()
  for (const state of states) {
    simulation.call({ cmd: 'SET_KEY', state, key: 'balance', value: startingBalance })
    simulation.call({ cmd: 'SET_KEY', state, key: 'log', value: [] })
  }
  for (const state of tables) simulation.call({ cmd: 'CREATE_STATE', state })
  await simulation.settle()
  simulation.faults = true
  for (let tag = 1; tag <= 60; tag += 1) {
    const along = pick(random)
    const command = { cmd: 'TRANSACTION', ops: operationsOf(random, tag, along) }
    const times = { invokedAt: clock++, answeredAt: Number.POSITIVE_INFINITY }
    const replies = simulation.call(command, () => {
      times.answeredAt = clock++
    })
    transfers.push({ tag, states: along, command, replies, times })
    const state = states[random(states.length)] as string
    if (random(3) === 0) ask({ cmd: 'GET_KEY', state, key: 'balance' })
    if (random(6) === 0) ask({ cmd: 'POP_LIST', state, key: 'jobs', wait: 1 })
    if (random(12) === 0) ask({ cmd: 'LIST_STATES' })
    if (random(20) === 0) ask({ cmd: 'CLEAR_KEYS', state: `${state}'s own`, pattern: '*' })
    if (random(12) === 0) {
      const data = Array.from({ length: 1_050 }, () => ({ tag }))
      ask({ cmd: 'SET_STATE', state: tables[random(shards)] as string, data })
    }
    if (random(4) === 0) simulation.advance(random(500))
    if (random(30) === 0) {
      simulation.advance(5_001)
      for (const mailbox of simulation.mailboxes) mailbox.expire()
    }
    for (let steps = random(28); steps > 0; steps -= 1) await simulation.scheduler.step()
  }
  simulation.faults = false
  // Whoever was refused tries again after a while, and shards that come back are asked.
  for (let round = 0; round < 12; round += 1) {
    await simulation.settle()
    simulation.advance(2_000)
  }
  await simulation.settle()
  // What nobody asks for any more goes with the next commit.
  for (const state of states) simulation.call({ cmd: 'SET_KEY', state, key: 'end', value: 1 })
  await simulation.settle()
  const logs = new Map<string, number[]>()
  const balances: number[] = []
  for (const state of states) {
    const log = simulation.call({ cmd: 'GET_KEY', state, key: 'log' })
    const balance = simulation.call({ cmd: 'GET_KEY', state, key: 'balance' })
    await simulation.settle()
    logs.set(state, log[0]?.value as number[])
    balances.push(balance[0]?.value as number)
  }
  return { simulation, transfers, others, logs, balances, faults }
}

function expectTruth({ simulation, transfers, others, logs, balances }: Outcome, where: string): void {
  for (const { command, replies } of [...transfers, ...others]) {
    expect(replies, `${where}: one answer to ${JSON.stringify(command).slice(0, 200)}`).toHaveLength(1)
  }
  for (const { tag, states: along, replies } of transfers) {
    const seen = along.map((state) => logs.get(state)?.filter((each) => each === tag).length ?? 0)
    const told = JSON.stringify(replies[0])
    expect(new Set(seen).size, `${where}: all or nothing of ${tag}: ${seen.join()}`).toBe(1)
    const [reply] = replies
    if (reply?.status === 'ok') expect(seen[0], `${where}: ${tag} was committed`).toBe(1)
    else if (reply?.code !== 'OUTCOME_UNKNOWN') expect(seen[0], `${where}: ${tag} was not: ${told}`).toBe(0)
    else expect(seen[0], where).toBeLessThanOrEqual(1)
  }
  expect(
    balances.reduce((sum, balance) => sum + balance, 0),
    `${where}: the money is all there`,
  ).toBe(startingBalance * states.length)
  for (const [shard, store] of simulation.stores.entries()) {
    expect([...store.kept.values()], `${where}: nothing is undecided on shard ${shard}`).toEqual([])
  }
  const tagged = transfers.map(({ tag, times }) => ({ tag, ...times }))
  expect(inOneOrder(logs, tagged), `${where}: there is one order of all transactions`).toBe(true)
}

describe('transactions over simulated shards that fail at random', () => {
  const seeds = onlySeed === undefined ? Array.from({ length: runs }, (_, index) => index + 1) : [Number(onlySeed)]

  it(`are whole, answered, and in one order (${seeds.length} seeds)`, async () => {
    const totals = new Map<string, number>()
    const count = (name: string, by = 1): unknown => totals.set(name, (totals.get(name) ?? 0) + by)
    for (const seed of seeds) {
      const outcome = await simulate(seed)
      expectTruth(outcome, `HOLDFAST_SIMULATION_SEED=${seed}`)
      for (const [name, times] of outcome.faults) count(name, times)
      for (const { replies } of outcome.transfers) count((replies[0]?.code as string | undefined) ?? 'ok')
    }
    // Otherwise the simulation shows nothing.
    const steps = ['prepare', 'decide', 'finish'].flatMap((step) =>
      ['refused', 'unknown', 'lost'].map((fault) => `${step} ${fault}`),
    )
    const outcomes = ['ok', 'TRANSACTION_FAILED', 'STORAGE_FULL', 'SHARD_RECOVERING', 'OUTCOME_UNKNOWN']
    if (onlySeed === undefined) {
      for (const name of [...steps, ...outcomes]) expect(totals.get(name) ?? 0, name).toBeGreaterThan(seeds.length / 20)
    }
  }, 240_000)
})
