// Router and shards in one thread under a seeded scheduler: turns, deliveries and commits happen in any order that real
// threads could show, the journal refuses and loses its answers, shards die and come back. What is asked of them, and what
// has to come of it, is each test's own.
import { defaultLimits, type Limits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import type { Commit } from '../../src/journal/journal.ts'
import { type MailboxBatch, progressSlot, progressSlotCount, type ReplyEntry } from '../../src/protocol/mailbox.ts'
import { checkEnvelope } from '../../src/protocol/message.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Mailbox } from '../../src/router/mailbox.ts'
import { Quarantine } from '../../src/router/quarantine.ts'
import { Router } from '../../src/router/router.ts'
import { Shard } from '../../src/shard/shard.ts'
import type { ShardOptions } from '../../src/shard/shard-options.ts'
import { committed, KeepingJournal, lost, Store } from './keeping-journal.ts'
import { randomFrom } from './random.ts'
import { settled } from './shard-harness.ts'

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

export interface SimulationOptions {
  readonly shards?: number
  readonly limits?: Partial<Limits>
  readonly cuts?: ShardOptions['cuts']
}

/** One simulated engine: every life of a shard stands on the same store. */
export class Simulation {
  readonly random: (below: number) => number
  readonly scheduler: Scheduler
  readonly stores: readonly Store[]
  readonly #limits: Limits
  readonly #cuts: SimulationOptions['cuts']
  readonly mailboxes: Mailbox[]
  readonly router: Router
  faults = true
  deaths = 0
  now = 0
  #wakes: { readonly at: number; readonly wake: () => void }[] = []

  constructor(seed: number, { shards = 2, limits: given = {}, cuts }: SimulationOptions = {}) {
    this.#cuts = cuts
    this.random = randomFrom(seed)
    this.scheduler = new Scheduler(this.random)
    this.stores = Array.from({ length: shards }, () => new Store())
    const limits = { ...defaultLimits, ...given }
    this.#limits = limits
    const now = (): number => this.now
    this.mailboxes = this.stores.map(
      (_, shard) =>
        new Mailbox({ shard, limits, now, schedule: (flush) => this.scheduler.add(`flush ${shard}`, flush) }),
    )
    const wakeAfter = (ms: number, wake: () => void): (() => void) => this.#wakeAfter(ms, wake)
    const quarantine = new Quarantine({ limits, log: silentLog, now })
    const { mailboxes } = this
    this.router = new Router({ mailboxes, limits, durability: 'strict', dataId: 'd', quarantine, now, wakeAfter })
    for (const mailbox of this.mailboxes) this.#begin(mailbox, 1)
  }

  /** Runs a command; its replies come into the list. */
  call(command: JsonObject, answered: () => void = () => {}): JsonObject[] {
    const replies: JsonObject[] = []
    this.router.run(checkEnvelope(command), 'values', (body) => {
      replies.push(structuredClone(body) as JsonObject)
      answered()
    })
    return replies
  }

  /** Hears of each commit that goes wrong. */
  noticeFault: (commit: Commit, outcome: 'refused' | 'unknown' | 'lost' | undefined) => void = () => {}

  /** Runs whatever can happen, until nothing can before time passes. */
  async settle(): Promise<void> {
    while (await this.scheduler.step());
  }

  #wakeAfter(ms: number, wake: () => void): () => void {
    const entry = { at: this.now + ms, wake }
    this.#wakes.push(entry)
    return () => {
      this.#wakes = this.#wakes.filter((other) => other !== entry)
    }
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
    journal.plan = (commit) =>
      new Promise((resolve) => {
        this.scheduler.add(`commit ${name}`, () => {
          // A dead shard writes no more.
          if (!alive) return
          if (!this.faults || this.random(12) > 0) return resolve(committed)
          const outcome = (['refused', 'refused', 'unknown', 'lost'] as const)[this.random(4)]
          this.noticeFault(commit, outcome)
          if (outcome === 'refused') return resolve({ outcome: 'refused', code: 'STORAGE_FULL' })
          return resolve(outcome === 'lost' ? lost : { outcome: 'unknown', reason: 'the disk went away' })
        })
      })
    const shard = new Shard({
      id: mailbox.shard,
      shards: this.stores.length,
      limits: this.#limits,
      journal,
      clocks: () => ({ wall: this.now, mono: this.now }),
      send: (replies: ReplyEntry[]) => this.scheduler.add(`replies ${name}`, () => alive && mailbox.settle(replies)),
      schedule: (turn) => this.scheduler.add(`turn ${name}`, () => alive && turn()),
      wakeAfter: (ms, wake) => this.#wakeAfter(ms, () => alive && wake()),
      onFailure: () => this.scheduler.add(`death ${name}`, die),
      progress,
      ...(this.#cuts && { cuts: this.#cuts }),
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
