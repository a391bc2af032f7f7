// A shard on a thread of its own: joins the actor to its two ports. The returned promise is the shard's life, which is
// how Piscina sees it: a task that ends when the shard is stopped, and rejects when it fails.
import { type MessagePort, threadId } from 'node:worker_threads'
import { expose } from 'comlink'
import { systemClocks, systemWakeAfter, threadsMs } from '../base/clock.ts'
import type { Log, LogFields } from '../base/log.ts'
import { type Journal, JournalCorrupt } from '../journal/journal.ts'
import { openJournal } from '../journal/open.ts'
import type { ShardControl, ShardNotice, ShardReady, ShardStart } from '../protocol/control.ts'
import { printable } from '../protocol/envelope.ts'
import type { ChangeView } from '../protocol/hooks.ts'
import type { MailboxBatch, ReplyEntry } from '../protocol/mailbox.ts'
import { backupCut } from './backup.ts'
import { loadExtension } from './extension.ts'
import { Faults } from './faults.ts'
import { HookSet } from './hook-set.ts'
import { Shard } from './shard.ts'

export async function runShard(start: ShardStart): Promise<void> {
  const { mailbox, control, notices, extension } = start
  let end: () => void = () => {}
  let fail: (error: unknown) => void = () => {}
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  // Queued by the ports until somebody listens.
  const opened = open(start, fail)
  const served: ShardControl = {
    ready: async () => ({ threadId, lost: (await opened).lost }),
    statistics: async (largest) => (await opened).shard.statisticsInSlices(largest),
    async stop() {
      await (await opened).shard.stop()
      // In the same turn the port would close before the answer to this call has left.
      setImmediate(end)
    },
    follow: async (state, isFollowed) => (await opened).followed.follow(state, isFollowed),
    async injectFault(fault) {
      const { faults } = await opened
      if (faults === undefined) throw new Error('faults are not enabled')
      faults.arm(fault)
    },
  }
  expose(served, control)
  opened.then(({ shard, lost }) => {
    if (lost === undefined) receiveFrom(mailbox, shard)
  }, fail)
  const onStray = (reason: unknown): void => {
    const said = reason instanceof Error ? reason.message : String(reason)
    logTo(notices).warn(
      { event: 'stray_rejection', reason: printable(said) },
      'an extension left a rejected promise behind',
    )
  }
  // A promise that a hook forgot to hand back must not end the shard; the shard's own failures do not come this way.
  if (extension !== undefined) process.on('unhandledRejection', onStray)
  try {
    await ended
  } finally {
    process.off('unhandledRejection', onStray)
    for (const port of [mailbox, control, notices]) port.close()
    // The thread may go on with the next life of the shard, which opens the journal anew. What is told is how this one
    // ended, not what came of it.
    const { journal } = await opened.catch(() => ({ journal: undefined }))
    await journal?.close().catch(() => {})
  }
}

interface Opened {
  readonly shard: Shard
  readonly followed: Followed
  readonly faults: Faults | undefined
  readonly journal: Journal
  /** What was found to be damaged: then the shard does not serve. */
  readonly lost: ShardReady['lost']
}

async function open(start: ShardStart, onFailure: (error: unknown) => void): Promise<Opened> {
  const { id, shards, limits, storage, mailbox, notices, extension, slowLogMs, faultsEnabled } = start
  const progress = new Int32Array(start.progress)
  const faults = faultsEnabled ? new Faults() : undefined
  const hooks = new HookSet(extension === undefined ? {} : await loadExtension(extension))
  const followed = new Followed(hooks, notices)
  for (const state of start.followed) followed.follow(state, true)
  const bare = openJournal({ shard: id, storage, limits, progress, log: logTo(notices) })
  const journal = faults?.around(bare) ?? bare
  const shard = new Shard({
    id,
    shards,
    limits,
    journal,
    clocks: systemClocks,
    send: (replies) => mailbox.postMessage(replies, chunksOf(replies)),
    publish: (messages) => {
      const notice: ShardNotice = { about: 'feed', messages, publishedAt: threadsMs() }
      notices.postMessage(notice)
    },
    schedule: setImmediate,
    wakeAfter: systemWakeAfter,
    onFailure,
    progress,
    hooks,
    cuts: { backup: backupCut(id, journal) },
    log: logTo(notices),
    slowLogMs,
    ...(faults && { probe: faults.probe }),
  })
  try {
    await shard.recover()
    return { shard, followed, faults, journal, lost: undefined }
  } catch (error) {
    if (error instanceof JournalCorrupt) return { shard, followed, faults, journal, lost: error.problems }
    await journal.close().catch(() => {})
    throw error
  }
}

/** The states whose transitions the engine wants to hear of. */
class Followed {
  readonly #hooks: HookSet
  readonly #notices: MessagePort
  readonly #states = new Map<string, () => void>()

  constructor(hooks: HookSet, notices: MessagePort) {
    this.#hooks = hooks
    this.#notices = notices
  }

  follow(state: string, isFollowed: boolean): void {
    this.#states.get(state)?.()
    this.#states.delete(state)
    if (!isFollowed) return
    const tell = (change: ChangeView): void => {
      const notice: ShardNotice = { about: 'transition', change }
      this.#notices.postMessage(notice)
    }
    this.#states.set(state, this.#hooks.addOnTransition(state, tell))
  }
}

function logTo(notices: MessagePort): Log {
  const say =
    (level: keyof Log) =>
    (fields: LogFields, message: string): void => {
      const notice: ShardNotice = { about: 'log', level, fields, message }
      notices.postMessage(notice)
    }
  return { info: say('info'), warn: say('warn'), error: say('error') }
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
