// Several shards in this thread, with a router over them, and memory for a journal or one that a test gives: what threads
// would do, without the time that threads take to start.
import { systemClocks, systemWakeAfter } from '../../src/base/clock.ts'
import type { Durability } from '../../src/base/durability.ts'
import { defaultLimits as limits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { MemoryJournal } from '../../src/journal/memory.ts'
import { progressSlotCount } from '../../src/protocol/mailbox.ts'
import { checkEnvelope } from '../../src/protocol/message.ts'
import { copyObject, type JsonObject } from '../../src/protocol/value.ts'
import { Mailbox } from '../../src/router/mailbox.ts'
import { Quarantine } from '../../src/router/quarantine.ts'
import { Router } from '../../src/router/router.ts'
import { Shard } from '../../src/shard/shard.ts'

export class InlineShards {
  readonly mailboxes: readonly Mailbox[]
  readonly router: Router
  readonly #shards: Shard[] = []

  private constructor(count: number, durability: Durability) {
    const now = (): number => performance.now()
    this.mailboxes = Array.from(
      { length: count },
      (_, shard) => new Mailbox({ shard, limits, schedule: queueMicrotask, now }),
    )
    const quarantine = new Quarantine({ limits, log: silentLog, now })
    this.router = new Router({ mailboxes: this.mailboxes, limits, durability, dataId: 'd', quarantine, now })
  }

  static async started(count: number, journalOf?: (shard: number) => Journal): Promise<InlineShards> {
    const inline = new InlineShards(count, journalOf === undefined ? 'memory' : 'strict')
    for (const mailbox of inline.mailboxes) {
      const shard = new Shard({
        id: mailbox.shard,
        shards: count,
        limits,
        journal: journalOf?.(mailbox.shard) ?? new MemoryJournal(),
        clocks: systemClocks,
        send: (replies) => mailbox.settle(replies),
        schedule: setImmediate,
        wakeAfter: systemWakeAfter,
        onFailure: () => mailbox.detach(0),
        progress: new Int32Array(new SharedArrayBuffer(progressSlotCount * 4)),
      })
      await shard.recover()
      mailbox.attach({ post: (batch) => shard.receive(batch) })
      inline.#shards.push(shard)
    }
    return inline
  }

  /** Ends all shards in order, which closes their journals. May be called again. */
  async stop(): Promise<void> {
    await this.router.drain()
    for (const shard of this.#shards.splice(0)) await shard.stop()
  }

  /** Runs the commands of an array. */
  readonly callAll = (commands: readonly JsonObject[]): Promise<JsonObject[]> =>
    new Promise((resolve) => {
      const elements = commands.map((command) => checkEnvelope(copyObject(command)))
      this.router.runAll(elements, 'values', (replies) => resolve(structuredClone(replies) as JsonObject[]))
    })

  readonly call = (command: JsonObject): Promise<JsonObject> =>
    new Promise((resolve) => {
      this.router.run(checkEnvelope(copyObject(command)), 'values', (reply) => resolve(copyObject(reply as JsonObject)))
    })
}
