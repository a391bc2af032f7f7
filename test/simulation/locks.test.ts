// Locks and fences over two simulated shards (support/simulation.ts) that die, refuse and lose their answers, while the wall
// clock jumps by a day and holders stand still past their time, and then write. Whatever they saw, and what was committed,
// is held against what locks are. A failing run prints its seed; HOLDFAST_SIMULATION_SEED runs that one again,
// HOLDFAST_SIMULATION_RUNS says how many there are.
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { Store } from '../support/keeping-journal.ts'
import { settled } from '../support/shard-harness.ts'
import { namesOnShard } from '../support/shards.ts'
import { Simulation } from '../support/simulation.ts'

const runs = Number(process.env.HOLDFAST_SIMULATION_RUNS ?? 12)
const onlySeed = process.env.HOLDFAST_SIMULATION_SEED
const shards = 2
const workers = 6
const dayMs = 86_400_000
const ttlMsMax = 400
const [near = '', far = ''] = [0, 1].map((shard) => namesOnShard(shard, shards, 1, 'lock')[0])
/** What is written under each lock: the list of a keyspace on either shard, wherever the lock lives. */
const lists = new Map(
  [near, far].flatMap((lock) =>
    [0, 1].map((shard) => [`${lock} ${shard}`, namesOnShard(shard, shards, 1, lock)[0] as string]),
  ),
)

interface Grant {
  readonly lock: string
  readonly owner: string
  readonly token: number
  readonly askedAt: number
  readonly answeredAt: number
  readonly ttlMs: number
  /** When it was first asked to be given back. */
  freedAt: number
}

interface Write {
  readonly place: string
  readonly token: number
  readonly isLate: boolean
  code: string | undefined
}

/** What all workers saw of one engine. */
class Workers {
  readonly grants: Grant[] = []
  readonly writes: Write[] = []
  readonly #simulation: Simulation
  isOver = false
  working = workers

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    for (let index = 0; index < workers; index += 1) void this.#work(`w${index}`)
  }

  async #work(owner: string): Promise<void> {
    const { random } = this.#simulation
    for (let round = 0; !this.isOver; round += 1) {
      const grant = await this.#take(`${owner}/${round}`)
      if (grant === undefined) await this.#rest(20 + random(200))
      else await this.#hold(grant)
    }
    this.working -= 1
  }

  async #take(owner: string): Promise<Grant | undefined> {
    const { random, now: askedAt } = this.#simulation
    // Now and then one that nobody has again, so that others are forgotten.
    const lock = random(8) === 0 ? `once ${owner}` : ([near, far][random(2)] as string)
    const ttlMs = 50 + random(ttlMsMax - 50)
    const cmd = random(2) === 0 ? 'LOCK' : 'TRY_LOCK'
    const wait = cmd === 'LOCK' ? { timeout: random(500) / 1000 } : {}
    const reply = await this.#ask({ cmd, lock, owner, ttl: ttlMs / 1000, ...wait })
    if (reply.acquired !== true) return undefined
    const answeredAt = this.#simulation.now
    const grant = { lock, owner, token: reply.token as number, askedAt, answeredAt, ttlMs, freedAt: Infinity }
    this.grants.push(grant)
    return grant
  }

  /** Writes under the lock, at times long after its time was over; never asks whether it is. */
  async #hold(grant: Grant): Promise<void> {
    const { random } = this.#simulation
    const { lock, owner, token, ttlMs } = grant
    for (let count = random(4); count > 0; count -= 1) {
      if (random(3) === 0) await this.#rest(random(3) === 0 ? ttlMs * (1 + random(3)) : random(30))
      await this.#write(grant)
    }
    if (random(4) === 0) await this.#ask({ cmd: 'EXTEND_LOCK', lock, owner, token, ttl: ttlMs / 1000 })
    if (random(3) > 0) {
      grant.freedAt = this.#simulation.now
      await this.#ask({ cmd: 'UNLOCK', lock, owner, token })
    }
  }

  async #write({ lock, token, askedAt, ttlMs }: Grant): Promise<void> {
    const { random, now } = this.#simulation
    const place = `${lock} ${random(2)}`
    const state = lists.get(place)
    if (state === undefined) return
    const write: Write = { place, token, isLate: now > askedAt + ttlMs, code: undefined }
    const push = { cmd: 'PUSH_LIST', state, key: 'log', item: token, fence: { lock, token } }
    const other = { cmd: 'SET_KEY', state: 'other', key: 'a', value: token }
    this.writes.push(write)
    const reply = await this.#ask(random(3) === 0 ? { cmd: 'TRANSACTION', ops: [other, push] } : push)
    const { cause } = reply as { cause?: JsonObject }
    write.code = (cause?.code ?? reply.code ?? 'ok') as string
  }

  #ask(command: JsonObject): Promise<JsonObject> {
    return new Promise((resolve) => this.#simulation.call(command, resolve))
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => this.#simulation.later(ms, resolve))
  }
}

interface Outcome {
  readonly simulation: Simulation
  readonly workers: Workers
  /** By name, as the engine tells it in the end. */
  readonly locks: ReadonlyMap<string, JsonObject>
  readonly logs: ReadonlyMap<string, readonly number[]>
}

async function simulate(seed: number): Promise<Outcome> {
  const limits = { requestDeadlineMs: 5_000, freeLocksPerShardMax: 3 }
  const simulation = new Simulation(seed, { shards, limits })
  const { random } = simulation
  await settled()
  simulation.faults = false
  for (const state of lists.values()) simulation.call({ cmd: 'SET_KEY', state, key: 'log', value: [] })
  await simulation.settle()
  simulation.faults = true
  const all = new Workers(simulation)
  for (let turn = 0; turn < 400; turn += 1) {
    for (let steps = random(20); steps > 0; steps -= 1) await simulation.scheduler.step()
    simulation.advance(random(40))
    if (random(25) === 0) simulation.setWallBy(random(2) === 0 ? dayMs : -dayMs)
  }
  simulation.faults = false
  all.isOver = true
  // Whoever waits or rests comes to an end, and every lock to the end of its time.
  for (let round = 0; round < 12; round += 1) {
    await simulation.settle()
    simulation.advance(2_000)
  }
  await simulation.settle()
  const read = async (command: JsonObject): Promise<JsonObject> => {
    const replies = simulation.call(command)
    await simulation.settle()
    return replies[0] as JsonObject
  }
  const locks = new Map<string, JsonObject>()
  for (const lock of [near, far]) locks.set(lock, await read({ cmd: 'GET_LOCK', lock }))
  const logs = new Map<string, readonly number[]>()
  for (const [place, state] of lists) {
    logs.set(place, (await read({ cmd: 'GET_KEY', state, key: 'log' })).value as number[])
  }
  return { simulation, workers: all, locks, logs }
}

/** The locks of one shard, in the simplest form that could be right: who has each now, and its newest token. */
class Model {
  readonly held = new Map<string, number>()
  readonly newest = new Map<string, number>()
  #last = 0

  /** Takes what a shard has committed, in its order. */
  take({ commits }: Store, where: string): void {
    for (const change of commits.flatMap(({ changes }) => changes)) {
      if (change.subject === 'lock') {
        const { lock, type, after } = change
        const token = after?.token as number
        if (type === 'lock_granted') {
          expect(this.held.has(lock), `${where}: ${lock} is granted while somebody has it`).toBe(false)
          expect(token, `${where}: tokens rise for ever`).toBeGreaterThan(this.#last)
          this.#last = token
          this.held.set(lock, token)
          this.newest.set(lock, token)
        } else expect(this.held.get(lock), `${where}: who is through with ${lock} had it`).toBe(token)
        if (type === 'lock_released' || type === 'lock_expired') this.held.delete(lock)
      }
    }
  }
}

function expectTruth({ simulation, workers: { grants, writes, working }, locks, logs }: Outcome, where: string): void {
  expect(working, `${where}: everybody was answered`).toBe(0)
  const models = simulation.stores.map((store) => {
    const model = new Model()
    model.take(store, where)
    return model
  })
  for (const [shard, lock] of [near, far].entries()) {
    const newest = models[shard]?.newest.get(lock) ?? null
    const told = { held: locks.get(lock)?.held, token: locks.get(lock)?.token ?? newest }
    expect(told, `${where}: ${lock} is free in the end, with the newest token`).toEqual({ held: false, token: newest })
  }
  for (const one of grants) {
    for (const other of grants) {
      if (one.lock !== other.lock || one === other) continue
      if (one.answeredAt < other.askedAt) expect(other.token, where).toBeGreaterThan(one.token)
      if (one.token > other.token) continue
      const isFree = one.freedAt <= other.answeredAt || one.askedAt + one.ttlMs <= other.answeredAt
      expect(isFree, `${where}: ${one.owner} and ${other.owner} have ${one.lock} at the same time`).toBe(true)
    }
  }
  for (const [place, log] of logs) {
    const sorted = log.toSorted((a, b) => a - b)
    expect(log, `${where}: no write comes after one with a newer token in ${place}`).toEqual(sorted)
    const count = (code: string | undefined, token: number): number =>
      writes.filter((write) => write.place === place && write.token === token && write.code === code).length
    for (const token of new Set(writes.map((write) => write.token))) {
      const there = log.filter((each) => each === token).length
      const said = `${where}: writes of ${token} in ${place}`
      expect(there, said).toBeGreaterThanOrEqual(count('ok', token))
      expect(there, said).toBeLessThanOrEqual(count('ok', token) + count('OUTCOME_UNKNOWN', token))
    }
  }
}

describe('locks and fences over simulated shards that fail at random', () => {
  const seeds = onlySeed === undefined ? Array.from({ length: runs }, (_, index) => index + 1) : [Number(onlySeed)]

  it(`have one holder at a time, and let no stale write through (${seeds.length} seeds)`, async () => {
    const totals = { grants: 0, late: 0, fenced: 0, deaths: 0, written: 0 }
    for (const seed of seeds) {
      const outcome = await simulate(seed)
      expectTruth(outcome, `HOLDFAST_SIMULATION_SEED=${seed}`)
      const { writes, grants } = outcome.workers
      totals.grants += grants.length
      totals.late += writes.filter(({ isLate }) => isLate).length
      totals.fenced += writes.filter(({ code }) => code === 'FENCED').length
      totals.written += writes.filter(({ code }) => code === 'ok').length
      totals.deaths += outcome.simulation.deaths
    }
    // Otherwise the simulation shows nothing.
    expect(Math.min(...Object.values(totals)), JSON.stringify(totals)).toBeGreaterThan(seeds.length)
  }, 240_000)
})
