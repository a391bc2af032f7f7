// Keeps one shard running on every thread of the pool: starts it, joins its mailbox, notices that it died or hangs, and
// starts it again. A shard is a Piscina task that never ends; when the task does end, that life of the shard is over.
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { type Remote, releaseProxy, wrap } from 'comlink'
import { Piscina } from 'piscina'
import { threadsMs } from '../base/clock.ts'
import type { Storage } from '../base/durability.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Fault, ShardControl, ShardNotice, ShardReady, ShardStart } from '../protocol/control.ts'
import { refusal } from '../protocol/errors.ts'
import type { FeedMessage } from '../protocol/feed.ts'
import type { ChangeView } from '../protocol/hooks.ts'
import { type MailboxBatch, progressSlotCount, type ReplyEntry, type SlicedBody } from '../protocol/mailbox.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'
import { type LastCommand, lastCommandOf } from './last-command.ts'
import type { Mailbox } from './mailbox.ts'
import type { DeathReason, Quarantine } from './quarantine.ts'
import { Watchdog } from './watchdog.ts'

export interface SupervisorOptions {
  /** One mailbox for each shard to run. */
  readonly mailboxes: readonly Mailbox[]
  readonly limits: Limits
  /** Where shards keep their states; undefined if they do not. */
  readonly storage: Storage | undefined
  /** The URL of the thread entry, as text. */
  readonly workerFile: string
  readonly faultsEnabled: boolean
  /** The file of a module to be loaded into each shard. */
  readonly extension: string | undefined
  /** Requests that take longer are noted; undefined for the default. */
  readonly slowLogMs: number | undefined
  readonly log: Log
  readonly quarantine: Quarantine
  /** A transition of a state that is followed was committed. */
  readonly onTransition: (change: ChangeView) => void
  /** Changes of states that are watched were committed, or it is said where one stands. */
  readonly onFeed: (messages: readonly FeedMessage[], publishedAt: number) => void
  /** A shard that had served is gone. */
  readonly onDeath: (shard: number, reason: DeathReason) => void
}

/** How long a shard that starts may make no progress, may take to stop, and to answer a question of the control plane. */
const startSilenceMsMax = 60_000
const stopMsMax = 60_000
const answerMsMax = 5_000
/** How often it is said how far a long recovery is. */
const recoveryNoticeMs = 5_000
/** A shard that dies sooner than this after its start is started again with a delay, which doubles up to the maximum. */
const shortLifeMs = 1_000
const restartDelayMsMin = 5
const restartDelayMsMax = 100
/** One that cannot even be started, as its disk is full, say, is tried more rarely: each try reads what it had stored. */
const failedStartDelayMsMax = 1_000

interface Life {
  readonly control: Remote<ShardControl>
  readonly mailboxPort: MessagePort
  readonly controlPort: MessagePort
  readonly noticePort: MessagePort
  readonly watchdog: Watchdog
  readonly progress: Int32Array
  /** Settles when the shard is over: undefined after an orderly stop. */
  readonly over: Promise<Error | undefined>
  threadId: number
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #pool: Piscina
  readonly #lives: (Life | undefined)[]
  readonly #supervision: Promise<void>[] = []
  readonly #followed = new Set<string>()
  readonly #starts = new Set<Promise<Life>>()
  #stopping = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    const shards = options.mailboxes.length
    this.#lives = options.mailboxes.map(() => undefined)
    this.#pool = new Piscina({
      filename: options.workerFile,
      minThreads: shards,
      maxThreads: shards,
      concurrentTasksPerWorker: 1,
      // Otherwise the threads would block between tasks, ports and timers with them.
      atomics: 'disabled',
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      resourceLimits: { maxOldGenerationSizeMb: options.limits.shardHeapMegabytesMax },
    })
    // A thread that dies between two tasks has nobody else to tell; the next task gets a new one.
    this.#pool.on('error', (error: unknown) =>
      options.log.warn({ event: 'shard_thread_failed', error: String(error) }, 'a shard thread failed'),
    )
  }

  /** Resolves once every shard serves; rejects, with nothing left running, if one cannot be started. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#options.mailboxes.map((mailbox) => this.#begin(mailbox)))
    } catch (error) {
      await this.stop()
      throw error
    }
    for (const mailbox of this.#options.mailboxes) this.#supervision.push(this.#supervise(mailbox))
  }

  /** The statistics of each shard; undefined for one that is down or does not answer within the time. */
  statistics(answerMs = answerMsMax, largest = 0): Promise<(ShardStatistics | undefined)[]> {
    const ask = async (life: Life | undefined): Promise<ShardStatistics | undefined> =>
      life && withDeadline(life.control.statistics(largest), life, answerMs).catch(() => undefined)
    return Promise.all(this.#lives.map(ask))
  }

  /** Has all shards tell the transitions of this state, or tell them no more, from when this resolves. */
  async follow(state: string, isFollowed: boolean): Promise<void> {
    if (isFollowed) this.#followed.add(state)
    else this.#followed.delete(state)
    // A shard that dies meanwhile hears of it at its next start.
    const tell = async (life: Life | undefined): Promise<void> =>
      life && withDeadline(life.control.follow(state, isFollowed), life, answerMsMax).catch(() => {})
    await Promise.all(this.#lives.map(tell))
  }

  /** For tests: makes a shard fail at its next command. */
  async injectFault(shard: number, fault: Fault): Promise<void> {
    const life = this.#lives[shard]
    if (life === undefined) throw new Error(`shard ${shard} is not running`)
    await withDeadline(life.control.injectFault(fault), life, answerMsMax)
  }

  /** Ends every shard in order; what has not ended by itself after a while is ended by force. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#options.quarantine.end()
    // A thread that is ended while it loads its modules takes the whole process with it.
    await Promise.allSettled(this.#starts)
    await Promise.all(
      this.#lives.map(async (life) => {
        if (life === undefined) return
        await withDeadline(life.control.stop(), life, stopMsMax).catch(() => {})
        await withDeadline(life.over, life, answerMsMax).catch(() => {})
      }),
    )
    await this.#pool.destroy()
    await Promise.all(this.#supervision)
  }

  /** Starts one life of a shard and waits until it serves. */
  async #begin(mailbox: Mailbox): Promise<Life> {
    const start = this.#beginLife(mailbox)
    this.#starts.add(start)
    try {
      return await start
    } finally {
      this.#starts.delete(start)
    }
  }

  async #beginLife(mailbox: Mailbox): Promise<Life> {
    const life = this.#newLife(mailbox)
    const { shard } = mailbox
    let lost: readonly string[] | undefined
    try {
      ;({ threadId: life.threadId, lost } = await this.#whenReady(shard, life))
    } catch (error) {
      closePorts(life)
      throw error
    }
    this.#lives[shard] = life
    if (lost !== undefined) {
      this.#options.log.error(
        { event: 'shard_corrupt', shard, lost },
        'a shard is damaged and does not serve; its file is left as it is',
      )
      mailbox.refuseAll(refusal('SHARD_CORRUPT', { shard, lost: [...lost] }))
      return life
    }
    life.mailboxPort.on('message', (replies: ReplyEntry[]) => mailbox.settle(replies))
    life.watchdog.start(() => mailbox.batchNumber, {
      onHang: () => this.#endThread(shard, life.threadId),
      onStall: (isStalled) => this.#noticeStall(mailbox, isStalled),
    })
    mailbox.attach({
      post: (batch) => life.mailboxPort.postMessage({ ...batch, postedAt: threadsMs() }, memoryOf(batch)),
    })
    return life
  }

  /** A recovery takes as long as it takes, if it only goes on. */
  async #whenReady(shard: number, life: Life): Promise<ShardReady> {
    const ready = life.control.ready()
    let { steps } = life.watchdog
    let movedAt = performance.now()
    for (;;) {
      try {
        return await withDeadline(ready, life, recoveryNoticeMs)
      } catch (error) {
        if (!(error instanceof LateAnswer)) throw error
        if (life.watchdog.steps !== steps) movedAt = performance.now()
        else if (performance.now() - movedAt > startSilenceMsMax) throw error
        ;({ steps } = life.watchdog)
        this.#options.log.info(
          { event: 'shard_still_reading', shard, rows: life.watchdog.rowsRead },
          'a shard is still reading what it had stored',
        )
      }
    }
  }

  #noticeStall(mailbox: Mailbox, isStalled: boolean): void {
    mailbox.isStalled = isStalled
    const { shard } = mailbox
    if (isStalled)
      this.#options.log.error({ event: 'shard_stalled', shard }, 'a shard waits for its disk, and is not ready')
    else this.#options.log.info({ event: 'shard_goes_on', shard }, 'a shard that waited for its disk goes on')
  }

  #newLife({ shard }: Mailbox): Life {
    const { limits, mailboxes, storage, faultsEnabled, extension, slowLogMs } = this.#options
    const data = new MessageChannel()
    const control = new MessageChannel()
    const notices = new MessageChannel()
    const progress = new Int32Array(new SharedArrayBuffer(progressSlotCount * Int32Array.BYTES_PER_ELEMENT))
    const start: ShardStart = {
      id: shard,
      shards: mailboxes.length,
      limits,
      storage,
      progress: progress.buffer,
      mailbox: data.port2,
      control: control.port2,
      notices: notices.port2,
      extension,
      slowLogMs,
      followed: [...this.#followed],
      faultsEnabled,
    }
    notices.port1.on('message', (notice: ShardNotice) => this.#takeNotice(shard, notice))
    const over = this.#pool.run(start, { transferList: [data.port2, control.port2, notices.port2] }).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    )
    return {
      control: wrap<ShardControl>(control.port1),
      mailboxPort: data.port1,
      controlPort: control.port1,
      noticePort: notices.port1,
      watchdog: new Watchdog(progress, limits.shardSilenceMsMax),
      progress,
      over,
      threadId: -1,
    }
  }

  #takeNotice(shard: number, notice: ShardNotice): void {
    if (notice.about === 'feed') this.#options.onFeed(notice.messages, notice.publishedAt)
    else if (notice.about === 'transition') this.#options.onTransition(notice.change)
    else this.#options.log[notice.level]({ shard, ...notice.fields }, notice.message)
  }

  /** Follows a shard from life to life, until it is stopped on purpose. */
  async #supervise(mailbox: Mailbox): Promise<void> {
    const { shard } = mailbox
    let delayMs = 0
    while (!this.#stopping) {
      const life = this.#lives[shard] as Life
      const startedAt = performance.now()
      const error = await life.over
      const lastCommand = this.#end(mailbox, life)
      if (this.#stopping) return
      const reason = life.watchdog.hasFired ? 'hung' : reasonOf(error)
      this.#options.onDeath(shard, reason)
      const released = this.#options.quarantine.noteDeath(mailbox, { reason, error: error?.message, lastCommand })
      await released
      delayMs = released || performance.now() - startedAt > shortLifeMs ? 0 : nextDelay(delayMs, restartDelayMsMax)
      await this.#restart(mailbox, delayMs)
    }
  }

  async #restart(mailbox: Mailbox, delayMs: number): Promise<void> {
    for (let delay = delayMs; !this.#stopping; delay = nextDelay(delay, failedStartDelayMsMax)) {
      if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay))
      if (this.#stopping) return
      try {
        const startedAt = performance.now()
        await this.#begin(mailbox)
        const fields = { shard: mailbox.shard, ms: Math.round(performance.now() - startedAt) }
        if (mailbox.isReady) this.#options.log.info({ event: 'shard_serves', ...fields }, 'a shard serves again')
        return
      } catch (error) {
        if (this.#stopping) return
        this.#options.log.error(
          { event: 'shard_not_started', shard: mailbox.shard, error: String(error) },
          'a shard could not be started',
        )
        await this.#noteFailedStart(mailbox, error)
      }
    }
  }

  /**
   * A thread that ends while it reads what it had stored has died, and will at the next try. What a shard says in words,
   * that its disk is full or its file cannot be opened, may pass by itself, and is tried again without end.
   */
  async #noteFailedStart(mailbox: Mailbox, error: unknown): Promise<void> {
    const reason = error instanceof Error ? reasonOf(error) : 'failed'
    if (reason === 'failed') return
    await this.#options.quarantine.noteDeath(mailbox, { reason, error: String(error), lastCommand: undefined })
  }

  /** Settles what the dead shard still answered, and then everything that it did not; tells what it was at. */
  #end(mailbox: Mailbox, life: Life): LastCommand | undefined {
    this.#lives[mailbox.shard] = undefined
    life.watchdog.stop()
    // Replies that were posted before the death may not have been delivered yet.
    for (;;) {
      const received = receiveMessageOnPort(life.mailboxPort)
      if (received === undefined) break
      mailbox.settle(received.message as ReplyEntry[])
    }
    for (;;) {
      const received = receiveMessageOnPort(life.noticePort)
      if (received === undefined) break
      this.#takeNotice(mailbox.shard, received.message as ShardNotice)
    }
    const lastCommand = lastCommandOf(mailbox, life.progress)
    mailbox.detach(life.watchdog.batchTaken)
    closePorts(life)
    return lastCommand
  }

  /** Ends a thread that hangs: its task rejects, and the pool makes a new thread. */
  #endThread(shard: number, threadId: number): void {
    const thread = this.#pool.threads.find((worker) => worker.threadId === threadId)
    this.#options.log.error({ event: 'shard_hung', shard, threadId }, 'a shard made no progress, its thread is ended')
    thread?.terminate().catch(() => {})
  }
}

/** Long lists change threads without being copied. */
function memoryOf({ entries }: MailboxBatch): ArrayBuffer[] {
  const memory: ArrayBuffer[] = []
  for (const [, sentAs, , body] of entries) {
    if (sentAs === 'sliced') memory.push((body as SlicedBody).slices.text.buffer as ArrayBuffer)
  }
  return memory
}

function closePorts(life: Life): void {
  life.control[releaseProxy]()
  life.mailboxPort.close()
  life.controlPort.close()
  life.noticePort.close()
}

function nextDelay(delayMs: number, delayMsMax: number): number {
  return Math.min(Math.max(delayMs * 2, restartDelayMsMin), delayMsMax)
}

/** Piscina passes on what Node said, in words only. */
function reasonOf(error: Error | undefined): DeathReason {
  if (error === undefined) return 'exited'
  if (error.message.includes('memory limit')) return 'out_of_memory'
  return error.message.includes('exited with code') ? 'exited' : 'failed'
}

class LateAnswer extends Error {
  override readonly name = 'LateAnswer'
}

/** A Comlink call to a thread that dies never settles by itself: it is raced with the end of the shard and a deadline. */
async function withDeadline<Value>(call: Promise<Value>, life: Life, deadlineMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LateAnswer(`no answer within ${deadlineMs / 1000} s`)), deadlineMs)
  })
  const over = life.over.then((error) => {
    throw error ?? new Error('the shard has stopped')
  })
  try {
    return await Promise.race([call, late, over])
  } finally {
    clearTimeout(timer)
  }
}
