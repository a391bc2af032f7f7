// Several durable shards in one thread, with a router over them: what the engine does with threads, for processes that are
// started and killed by the hundred, most of whose time it would be to start their threads. A shard that fails begins anew
// from its journal. Only tests use it.
import { systemClocks } from '../../src/base/clock.ts'
import { defaultLimits as limits } from '../../src/base/limits.ts'
import { silentLog as log } from '../../src/base/log.ts'
import { type Folder, openFolder } from '../../src/journal/folder.ts'
import { openJournal } from '../../src/journal/open.ts'
import type { Fault } from '../../src/protocol/control.ts'
import { progressSlot, progressSlotCount } from '../../src/protocol/mailbox.ts'
import { checkEnvelope } from '../../src/protocol/message.ts'
import { copyObject, type JsonObject } from '../../src/protocol/value.ts'
import { Mailbox } from '../../src/router/mailbox.ts'
import { Quarantine } from '../../src/router/quarantine.ts'
import { Router } from '../../src/router/router.ts'
import { Faults } from '../../src/shard/faults.ts'
import { Shard } from '../../src/shard/shard.ts'

const now = (): number => performance.now()

export interface InlineOptions {
  readonly data: string
  readonly durability: 'strict' | 'relaxed'
  readonly shards: number
}

export class InlineEngine {
  readonly router: Router
  /** How often a shard has failed. */
  deathCount = 0
  readonly #options: InlineOptions
  readonly #folder: Folder
  readonly #mailboxes: readonly Mailbox[]
  readonly #shards: (Shard | undefined)[] = []
  readonly #faults: Faults[] = []

  private constructor(options: InlineOptions) {
    const { data, durability, shards } = options
    this.#options = options
    this.#folder = openFolder(data, shards)
    const schedule = (flush: () => void): unknown => setImmediate(flush)
    this.#mailboxes = Array.from({ length: shards }, (_, shard) => new Mailbox({ shard, limits, schedule, now }))
    const quarantine = new Quarantine({ limits, log, now })
    this.router = new Router({
      mailboxes: this.#mailboxes,
      limits,
      durability,
      dataId: this.#folder.id,
      quarantine,
      now,
    })
  }

  static async open(options: InlineOptions): Promise<InlineEngine> {
    const engine = new InlineEngine(options)
    await Promise.all(engine.#mailboxes.map((mailbox) => engine.#begin(mailbox)))
    return engine
  }

  call(command: JsonObject): Promise<JsonObject> {
    return new Promise((resolve) => {
      // In a turn of its own, as a loop of refusals would keep the event loop from the restart that it waits for.
      const answer = (reply: unknown): unknown => setImmediate(() => resolve(copyObject(reply as JsonObject)))
      this.router.run(checkEnvelope(copyObject(command)), 'values', answer)
    })
  }

  injectFault(shard: number, fault: Fault): Promise<void> {
    this.#faults[shard]?.arm(fault)
    return Promise.resolve()
  }

  async close(): Promise<void> {
    await this.router.drain()
    await Promise.all(this.#shards.map(async (shard) => shard?.stop()))
    this.#folder.release()
  }

  async #begin(mailbox: Mailbox): Promise<void> {
    const { data: folder, durability, shards } = this.#options
    const { shard: id } = mailbox
    const progress = new Int32Array(new SharedArrayBuffer(progressSlotCount * 4))
    const faults = new Faults()
    const journal = faults.around(openJournal({ shard: id, storage: { folder, durability }, limits, progress, log }))
    const onFailure = (): void => {
      this.deathCount += 1
      this.#shards[id] = undefined
      mailbox.detach(Atomics.load(progress, progressSlot.batchTaken))
      void journal.close().then(() => this.#begin(mailbox))
    }
    const shard = new Shard({
      id,
      shards,
      limits,
      journal,
      clocks: systemClocks,
      send: (replies) => mailbox.settle(replies),
      schedule: setImmediate,
      wakeAfter: (ms, wake) => {
        const timer = setTimeout(wake, ms)
        return () => clearTimeout(timer)
      },
      onFailure,
      progress,
      probe: faults.probe,
    })
    await shard.recover()
    this.#shards[id] = shard
    this.#faults[id] = faults
    mailbox.attach({ post: (batch) => shard.receive(batch) })
  }
}
