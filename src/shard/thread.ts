// A shard on a thread of its own: joins the actor to its two ports. The returned promise is the shard's life, which is
// how Piscina sees it: a task that ends when the shard is stopped, and rejects when it fails.
import { type MessagePort, threadId } from 'node:worker_threads'
import { expose } from 'comlink'
import { systemClocks, systemWakeAfter } from '../base/clock.ts'
import { MemoryJournal } from '../journal/memory.ts'
import type { ShardControl, ShardStart } from '../protocol/control.ts'
import type { MailboxBatch, ReplyEntry } from '../protocol/mailbox.ts'
import { Faults } from './faults.ts'
import { Shard } from './shard.ts'

export async function runShard({ id, limits, progress, mailbox, control, faultsEnabled }: ShardStart): Promise<void> {
  const faults = faultsEnabled ? new Faults() : undefined
  let end: () => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  const shard = new Shard({
    id,
    limits,
    journal: new MemoryJournal(),
    clocks: systemClocks,
    send: (replies) => mailbox.postMessage(replies, chunksOf(replies)),
    schedule: setImmediate,
    wakeAfter: systemWakeAfter,
    onFailure: fail,
    progress: new Int32Array(progress),
    ...(faults && { probe: faults.probe }),
  })
  const recovered = shard.recover()
  const served: ShardControl = {
    async ready() {
      await recovered
      return threadId
    },
    statistics: () => shard.statistics(),
    async stop() {
      await shard.stop()
      // In the same turn the port would close before the answer to this call has left.
      setImmediate(end)
    },
    injectFault(fault) {
      if (faults === undefined) throw new Error('faults are not enabled')
      faults.arm(fault)
    },
  }
  expose(served, control)
  recovered.then(() => receiveFrom(mailbox, shard), fail)
  try {
    await ended
  } finally {
    mailbox.close()
    control.close()
  }
}

function receiveFrom(mailbox: MessagePort, shard: Shard): void {
  mailbox.on('message', (batch: MailboxBatch) => shard.receive(batch))
}

/** Long replies change threads without being copied. */
function chunksOf(replies: readonly ReplyEntry[]): ArrayBuffer[] {
  const chunks: ArrayBuffer[] = []
  for (const [, body] of replies) {
    if (!Array.isArray(body)) continue
    for (const item of body) if (item instanceof Uint8Array) chunks.push(item.buffer as ArrayBuffer)
  }
  return chunks
}
