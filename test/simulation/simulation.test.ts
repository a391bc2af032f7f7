// Router and shards in one thread under a seeded scheduler: turns, deliveries and commits happen in any order that real
// threads could show, the journal refuses and loses its answers, shards die and come back. A failing run prints its seed;
// HOLDFAST_SIMULATION_SEED runs that one again, HOLDFAST_SIMULATION_RUNS says how many there are.
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { type MailboxBatch, progressSlot, progressSlotCount, type ReplyEntry } from '../../src/protocol/mailbox.ts'
import { checkEnvelope } from '../../src/protocol/message.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Mailbox } from '../../src/router/mailbox.ts'
import { Quarantine } from '../../src/router/quarantine.ts'
import { Router } from '../../src/router/router.ts'
import { Shard } from '../../src/shard/shard.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { randomFrom } from '../support/random.ts'
import { settled } from '../support/shard-harness.ts'
import { SimulatedClient } from '../support/simulated-client.ts'
import { createMachine, expectMachineTruth, machineName, randomMachineCommand } from '../support/simulated-machine.ts'

const runs = Number(process.env.HOLDFAST_SIMULATION_RUNS ?? 60)
const onlySeed = process.env.HOLDFAST_SIMULATION_SEED
const shardCount = 2

/** Everything that could happen next waits here; the seed decides what does. */
class Scheduler {
  readonly #random: (below: number) => number
  readonly #queues = new Map<string, (() => void)[]>()

  constructor(random: (below: number) => number) {
    this.#random = random
  }

  /** Events of one queue keep their order, as messages of one port do; queues stand in no order to each other. */
  add(queue: string, event: () => void): void {
    const events = this.#queues.get(queue) ?? []
    events.push(event)
    this.#queues.set(queue, events)
  }

  async step(): Promise<boolean> {
    const ready = [...this.#queues].filter(([, events]) => events.length > 0)
    if (ready.length === 0) return false
    const [, events] = ready[this.#random(ready.length)] as [string, (() => void)[]]
    events.shift()?.()
    await settled()
    return true
  }
}

/** One simulated engine: every life of a shard stands on the same store. */
class Simulation {
  readonly random: (below: number) => number
  readonly scheduler: Scheduler
  readonly stores = Array.from({ length: shardCount }, () => new Store())
  readonly mailboxes: Mailbox[]
  readonly router: Router
  faults = true
  deaths = 0
  now = 0
  #wakes: { readonly at: number; readonly wake: () => void }[] = []

  constructor(seed: number) {
    this.random = randomFrom(seed)
    this.scheduler = new Scheduler(this.random)
    const limits = defaultLimits
    this.mailboxes = this.stores.map(
      (_, shard) =>
        new Mailbox({ shard, limits, now: () => 0, schedule: (flush) => this.scheduler.add(`flush ${shard}`, flush) }),
    )
    const quarantine = new Quarantine({ limits, log: silentLog, now: () => 0 })
    const { mailboxes } = this
    this.router = new Router({ mailboxes, limits, durability: 'strict', dataId: 'd', quarantine, now: () => 0 })
    for (const mailbox of this.mailboxes) this.#begin(mailbox, 1)
  }

  /** Lets time pass; timers that are due by then fire when the seed says so, or are called off before. */
  advance(ms: number): void {
    this.now += ms
    for (const entry of this.#wakes.filter(({ at }) => at <= this.now)) {
      this.scheduler.add('timers', () => {
        if (!this.#wakes.includes(entry)) return
        this.#wakes = this.#wakes.filter((other) => other !== entry)
        entry.wake()
      })
    }
  }

  #begin(mailbox: Mailbox, life: number): void {
    const name = `shard ${mailbox.shard} life ${life}`
    const journal = new KeepingJournal(this.stores[mailbox.shard])
    const progress = new Int32Array(new SharedArrayBuffer(progressSlotCount * 4))
    let alive = true
    const die = (): void => {
      if (!alive) return
      alive = false
      this.deaths += 1
      mailbox.detach(Atomics.load(progress, progressSlot.batchTaken))
      this.scheduler.add(`restart ${name}`, () => this.#begin(mailbox, life + 1))
    }
    journal.plan = () =>
      new Promise((resolve) => {
        this.scheduler.add(`commit ${name}`, () => {
          // A dead shard writes no more.
          if (!alive) return
          if (!this.faults || this.random(12) > 0) return resolve(committed)
          if (this.random(2) > 0) return resolve({ outcome: 'refused', code: 'STORAGE_FULL' })
          return resolve({ outcome: 'unknown', reason: 'the disk went away' })
        })
      })
    const shard = new Shard({
      id: mailbox.shard,
      shards: this.stores.length,
      limits: defaultLimits,
      journal,
      clocks: () => ({ wall: this.now, mono: this.now }),
      send: (replies: ReplyEntry[]) => this.scheduler.add(`replies ${name}`, () => alive && mailbox.settle(replies)),
      schedule: (turn) => this.scheduler.add(`turn ${name}`, () => alive && turn()),
      wakeAfter: (ms, wake) => {
        const entry = { at: this.now + ms, wake: () => alive && wake() }
        this.#wakes.push(entry)
        return () => {
          this.#wakes = this.#wakes.filter((other) => other !== entry)
        }
      },
      onFailure: () => this.scheduler.add(`death ${name}`, die),
      progress,
    })
    void shard.recover().then(() => {
      mailbox.attach({
        post: (batch: MailboxBatch) =>
          this.scheduler.add(`batches ${name}`, () => {
            if (this.faults && this.random(40) === 0) return die()
            return alive && shard.receive(batch)
          }),
      })
    })
  }
}

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
    const replies: JsonObject[] = []
    const isNumbered = simulation.faults && isWrite(command) && simulation.random(3) === 0
    calls.push({ command, replies, isNumbered })
    if (isNumbered) return client.send(command, (reply) => replies.push(reply))
    simulation.router.run(checkEnvelope(command), 'values', (body) => replies.push(structuredClone(body) as JsonObject))
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
