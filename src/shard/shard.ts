// The actor. It owns its states, and takes up requests one after another. One batch at a time stands between decide and
// commit, nothing else runs in the shard meanwhile, and nothing leaves before the commit: no reply, not even of a read,
// shows what a crash could undo. Called by a thread entry, or by the engine itself when it runs without threads.
import { assert } from '../base/assert.ts'
import type { Clocks } from '../base/clock.ts'
import { Queue } from '../base/queue.ts'
import type { Refuse, Step } from '../command/decide.ts'
import {
  isNotice,
  type MailboxBatch,
  type MailboxEntry,
  progressSlot,
  type ReplyBody,
  type ReplyEntry,
} from '../protocol/mailbox.ts'
import { isSpread } from '../protocol/spread.ts'
import type { ShardStatistics } from '../protocol/statistics.ts'
import { apply, type Change, isUrgent, undo } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { Aside } from './aside.ts'
import { type Batch, type Job, JournalFailure, newBatch, workOn } from './batch.ts'
import type { DueWork } from './due-work.ts'
import { type Executor, refusalOf, type Settled, type ToPark } from './executor.ts'
import { Held } from './held.ts'
import { holdings, holdingsInSlices } from './holdings.ts'
import type { Hooks } from './hooks.ts'
import { Inbox } from './inbox.ts'
import { Measures } from './measures.ts'
import type { Parking } from './parking.ts'
import type { Replies } from './replies.ts'
import { partOff, resume, waitsFor } from './request-parts.ts'
import type { ShardOptions } from './shard-options.ts'
import { assemble, counted, type Parts, recovered } from './shard-parts.ts'
import { showTask } from './shown-task.ts'
import type { Snapshots } from './snapshots.ts'
import { type Answer, type Task, taskOf } from './task.ts'
import type { Transactions } from './transactions.ts'

/** How long a batch, or one slice of something long, may keep the mailbox waiting. */
const sliceMs = 2
const batchCommandsMax = 1_024
/** A commit on a full disk has to fit into what is left. */
const fullBatchCommandsMax = 64

export class Shard {
  readonly #options: ShardOptions
  readonly #directory: Directory
  readonly #executor: Executor
  readonly #dueWork: DueWork
  readonly #parking: Parking
  readonly #replies: Replies
  readonly #hooks: Hooks
  readonly #transactions: Transactions
  readonly #snapshots: Snapshots
  readonly #aside: Aside
  readonly #parts: Parts
  readonly #measures: Measures
  readonly #inbox = new Inbox((waitedMs) => this.#measures.counters.noteWait(waitedMs))
  readonly #owns: (name: string) => boolean
  readonly #jobs = new Queue<Job>()
  readonly #held = new Held()
  #commitNumber = 0
  #running = false
  #stopped: (() => void) | undefined
  #ended = false

  constructor(options: ShardOptions) {
    this.#options = options
    this.#measures = new Measures(options)
    this.#parts = assemble(options, {
      measures: this.#measures,
      held: this.#held,
      statistics: () => this.statistics(),
      onJob: (job) => this.#jobs.push(job),
      onFree: (state) => this.#freeState(state),
      onWake: () => {
        if (!this.#running && !this.#ended) this.#start()
      },
    })
    ;({
      owns: this.#owns,
      directory: this.#directory,
      executor: this.#executor,
      dueWork: this.#dueWork,
      parking: this.#parking,
      replies: this.#replies,
      hooks: this.#hooks,
      transactions: this.#transactions,
      snapshots: this.#snapshots,
      aside: this.#aside,
    } = this.#parts)
  }

  /** Reads back what was committed. Nothing may be received before it is done. */
  async recover(): Promise<void> {
    this.#commitNumber = await recovered(this.#parts, this.#options)
    this.#measures.hasRecovered()
  }

  /** Takes a batch of the router; the replies come by `send`. */
  receive(batch: MailboxBatch): void {
    if (this.#ended) return
    Atomics.store(this.#options.progress, progressSlot.batchTaken, batch.number | 0)
    this.#inbox.push(batch)
    if (!this.#running) this.#start()
  }

  /** Answers everything that was received, closes the journal and ends. */
  async stop(): Promise<void> {
    if (this.#running) await new Promise<void>((resolve) => (this.#stopped = resolve))
    this.#ended = true
    this.#dueWork.stop()
    await this.#hooks.finish()
    await this.#transactions.flush(this.#options.journal, this.#commitNumber + 1)
    await this.#options.journal.close()
  }

  /** The same, with so many of its largest states, counted so that nobody waits for it. */
  async statisticsInSlices(largest = 0): Promise<ShardStatistics> {
    return this.statistics(await holdingsInSlices(this.#directory, largest))
  }

  statistics(held = holdings(this.#directory)): ShardStatistics {
    const waiting = this.#inbox.length + this.#held.length
    return { ...held, ...this.#measures.snapshot(), waiting, ...counted(this.#parts) }
  }

  #start(): void {
    this.#running = true
    Atomics.store(this.#options.progress, progressSlot.working, 1)
    this.#turn().catch((error: unknown) => {
      this.#ended = true
      this.#options.onFailure(error)
    })
  }

  /** One batch, from its decisions to its replies. */
  async #turn(): Promise<void> {
    const startedAt = performance.now()
    this.#inbox.beginTurn()
    const batch = newBatch(this.#options.clocks())
    this.#executor.isFull = this.#options.journal.isFull ?? false
    this.#bringAboutDue(batch)
    const marker = this.#takeRequests(batch, startedAt + (this.#options.takeMs ?? sliceMs))
    this.#takeSteps(batch)
    this.#aside.work()
    this.#parking.serveWatchers(batch.now, (task, settled) => this.#settle(task, settled, batch))
    const decidedAt = performance.now()
    const hasRows = batch.keeps || this.#transactions.rowsDue > 0
    const isToCommit = batch.changes.length > 0 || batch.staged.length > 0 || hasRows
    if (isToCommit) await this.#commit(batch)
    this.#transactions.endBatch()
    const committedAt = isToCommit ? performance.now() : decidedAt
    this.#options.probe?.('release')
    if (marker?.[1] === 'cut') this.#parts.cuts.take(marker, this.#commitNumber)
    else if (marker !== undefined) this.#takeUp(marker, batch)
    this.#release(batch)
    const releasedAt = performance.now()
    this.#hooks.tell()
    this.#commitNumber = await this.#aside.commitDue(this.#options.journal, this.#commitNumber)
    this.#measures.endBatch(batch, { startedAt, decidedAt, committedAt, releasedAt })
    this.#next(batch.now)
  }

  #next(now: Clocks): void {
    const isDueNow = this.#dueWork.plan(now, this.#parking.nextDeadline)
    if (this.#inbox.length > 0 || this.#jobs.length > 0 || this.#aside.isDue || isDueNow) {
      this.#options.schedule(() => this.#start())
      return
    }
    this.#running = false
    Atomics.store(this.#options.progress, progressSlot.working, 0)
    this.#stopped?.()
  }

  /** What is due comes before anything that is asked, and may help one who waits before its time is over. */
  #bringAboutDue(batch: Batch): void {
    showTask(this.#options.progress, undefined)
    this.#dueWork.bringAbout(batch.now, this.#executor.isFull, (change) => this.#apply(change, batch))
    this.#serve(batch)
    this.#parking.answerDue(batch.now, (task, settled) => this.#settle(task, settled, batch))
  }

  /** Answers those who waited for what the last decision made true. */
  #serve(batch: Batch): void {
    if (this.#parking.size === 0) return
    this.#parking.serve(batch.now, (task, settled) => {
      batch.commands += 1
      this.#settle(task, settled, batch)
    })
  }

  /** What the router says besides requests. */
  #takeNotice([id, sentAs, state]: MailboxEntry, batch: Batch): void {
    const settle = (task: Task, settled: Settled): void => this.#settle(task, settled, batch)
    if (sentAs === 'watch' || sentAs === 'unwatch') this.#parts.feed.follow(state, sentAs === 'watch')
    else if (sentAs === 'drain') this.#parking.drain(settle)
    else {
      const waiting = this.#replies.cancel(id)
      if (waiting !== undefined) this.#parking.cancel(waiting, batch.now, settle)
    }
  }

  /** Decides what lies in the mailbox, up to a marker, which it hands back to be decided after the commit. */
  #takeRequests(batch: Batch, deadline: number): MailboxEntry | undefined {
    const commandsMax = this.#executor.isFull ? fullBatchCommandsMax : batchCommandsMax
    this.#measures.slowLog.beginRequests(performance.now())
    while (batch.commands < commandsMax) {
      const entry = this.#inbox.shift()
      if (entry === undefined) return undefined
      const [id, sentAs, routingKey, body] = entry
      if (sentAs === 'cut') return entry
      // Of several names only those commands wait whose own is held.
      const held = sentAs === 'marker' || isSpread(sentAs) ? undefined : this.#held.queueOf(routingKey)
      held?.push(entry)
      if (sentAs === 'marker' && this.#held.isDue(entry)) return [id, sentAs, '', body]
      const isAside =
        held !== undefined || sentAs === 'marker' || (sentAs === 'transaction' && !this.#transactions.isTurnOf(entry))
      if (isAside) this.#inbox.keepAside(entry)
      else if (sentAs === 'part') this.#takeUpPart(body, batch)
      else if (isNotice(sentAs)) this.#takeNotice(entry, batch)
      else if (sentAs === 'snapshot') this.#snapshots.take(entry)
      else this.#takeUp(entry, batch)
      const at = performance.now()
      this.#measures.slowLog.endRequest(entry, batch, at)
      if (this.#inbox.length === 0 || at >= deadline) return undefined
    }
    return undefined
  }

  #takeUp(entry: MailboxEntry, batch: Batch): void {
    const answers = this.#replies.begin(entry, batch.now.mono)
    if (answers === undefined) return
    const task = taskOf(entry, this.#options.limits.commandsPerMessageMax, this.#owns, this.#inbox.arrivedAt)
    if ('code' in task) return this.#replies.refuse(entry, task)
    resume(task, answers)
    this.#takeUpPart(task, batch)
  }

  #takeUpPart(task: Task, batch: Batch): void {
    batch.begun.push({ task, answersBefore: task.answers.length })
    this.#goOn(task, batch)
  }

  /** Decides the commands of a request from where it stands; stops at one that needs steps. */
  #goOn(task: Task, batch: Batch): void {
    while (task.answers.length < task.commands.length) {
      if (waitsFor(task, this.#held)) continue
      showTask(this.#options.progress, task)
      this.#options.probe?.('decide')
      Atomics.add(this.#options.progress, progressSlot.steps, 1)
      batch.commands += 1
      const settled = this.#transactions.decide(task, batch.now) ?? this.#executor.decide(task, batch.now)
      if ('steps' in settled) {
        const stepping = task.keys === undefined ? task : partOff(task)
        if (stepping !== task) batch.begun.push({ task: stepping, answersBefore: 0 })
        this.#jobs.push({ kind: 'command', task: stepping, steps: settled.steps, tookMs: 0 })
        this.#held.hold(stepping.routingKey)
        this.#directory.hold(stepping.routingKey)
        if (stepping === task) return
        continue
      }
      if ('park' in settled) return this.#park(task, settled, batch)
      this.#settle(task, settled, batch)
      this.#serve(batch)
    }
  }

  /** From here on the request is the waiters' and not the batch's. */
  #park(task: Task, { park, keyed }: ToPark, batch: Batch): void {
    const refused = this.#parking.park(task, park, keyed, (other, settled) => this.#settle(other, settled, batch))
    if (refused !== undefined) return this.#settle(task, this.#executor.refuse(task, refused), batch)
    const begun = batch.begun.pop()
    assert(begun?.task === task, 'a command that waits is the only one of its request')
    if (task.numbered !== undefined) this.#replies.retries.park(task)
  }

  /** Makes a decision true in memory, so that the next command sees it, and notes what there is to commit. */
  #settle(task: Task, { answer, changes, keyed, operations }: Settled, batch: Batch): void {
    for (const each of operations ?? []) for (const change of each.changes) this.#apply(change, batch, each.answer)
    for (const change of changes) this.#apply(change, batch, answer)
    if (keyed !== undefined) batch.keeps = this.#replies.keyed.note(keyed, answer, batch.now.wall)
    task.answers.push(answer)
  }

  #apply(change: Change, batch: Batch, answer?: Answer): void {
    this.#snapshots.notice(change)
    apply(this.#directory, change)
    batch.changes.push(change)
    this.#parking.notice(change)
    this.#hooks.notice(change, answer)
  }

  /** Gives one job its slice. */
  #takeSteps(batch: Batch): void {
    const job = this.#jobs.shift()
    if (job === undefined) return
    showTask(this.#options.progress, job.task)
    const result = workOn(job, sliceMs, this.#options.progress, (step) => this.#takeStep(step, batch))
    if (result !== undefined) return this.#finishJob(job, result, batch)
    if (job.kind === 'command') batch.stepped = job.task
    this.#jobs.push(job)
  }

  #takeStep(step: NonNullable<Step>, batch: Batch): void {
    if ('records' in step) batch.staged.push(step)
    else {
      for (const change of step) this.#apply(change, batch)
      this.#serve(batch)
    }
  }

  #finishJob(job: Job, result: Settled | ReplyBody, batch: Batch): void {
    const { task } = job
    this.#measures.slowLog.endJob(job)
    if (job.kind === 'reply') {
      this.#replies.sendLong(job.ids, result as ReplyBody)
      return
    }
    // One that was taken up in this very turn has its place already, and must not be answered twice.
    const isBegun = batch.begun.some((begun) => begun.task === task)
    if (!isBegun) batch.begun.push({ task, answersBefore: task.answers.length })
    this.#settle(task, result as Settled, batch)
    batch.keeps ||= task.numbered !== undefined
    this.#serve(batch)
    this.#freeState(task.routingKey)
    this.#goOn(task, batch)
  }

  /** What waited for a command with steps comes before everything that came later. */
  #freeState(state: string): void {
    const held = this.#held.free(state)
    assert(held !== undefined, 'a state that is freed was held')
    this.#directory.free(state)
    this.#inbox.unshift(held)
  }

  async #commit(batch: Batch, isAgain = false): Promise<void> {
    this.#options.probe?.('commit')
    const { journal } = this.#options
    const { changes, staged } = batch
    const kept = this.#replies.rows([...batch.begun.map(({ task }) => task), ...this.#parking.answered])
    const number = this.#commitNumber + 1
    const rows = [...kept, ...this.#transactions.rows()]
    const isToSecure = isUrgent(changes) || this.#transactions.rowsDue > 0
    const result = await journal.commit({ number, changes, staged, kept: rows, isUrgent: isToSecure })
    if (result.outcome === 'unknown') throw new JournalFailure(result.reason)
    if (result.outcome === 'refused') {
      this.#executor.isFull = !isAgain && result.code === 'STORAGE_FULL' && journal.isFull === true
      this.#takeBack(batch, this.#executor.isFull ? undefined : refusalOf(result))
      // What frees space may succeed where the whole did not.
      return changes.length > 0 ? this.#commit(batch, true) : undefined
    }
    this.#commitNumber = number
    this.#replies.adopt()
    this.#transactions.noticeCommit()
    this.#measures.counters.countCommit(changes)
  }

  /** Nothing reached the journal: as if nothing had been decided, but now without what cannot be written. */
  #takeBack(batch: Batch, refused: Refuse | undefined): void {
    for (const change of batch.changes.splice(0).reverse()) undo(this.#directory, change)
    batch.staged.length = 0
    this.#hooks.takeBack()
    this.#replies.takeBack()
    this.#transactions.takeBack()
    this.#dueWork.postpone(batch.now)
    for (const task of this.#parking.takeBack()) batch.begun.push({ task, answersBefore: 0 })
    const { stepped } = batch
    if (stepped !== undefined) batch.begun.push({ task: stepped, answersBefore: stepped.answers.length })
    batch.stepped = undefined
    this.#executor.refuseWrites(refused)
    const all = batch.begun.splice(0)
    for (const { task } of all) this.#abandonSteps(task)
    for (const begun of all) {
      const { task, answersBefore } = begun
      batch.begun.push(begun)
      task.answers.length = answersBefore
      this.#goOn(task, batch)
    }
    this.#executor.refuseWrites(undefined)
    this.#parking.serveWatchers(batch.now, (task, settled) => this.#settle(task, settled, batch))
    assert(refused === undefined || batch.changes.length === 0, 'no write is decided while the journal refuses writes')
  }

  /** Ends a command in the middle of its steps: what they stand on, or have staged, was taken back. */
  #abandonSteps(task: Task): void {
    if (!this.#jobs.remove((job) => job.kind === 'command' && job.task === task)) return
    this.#freeState(task.routingKey)
  }

  /** Sends the replies of all requests that are done; the long ones are encoded first, in steps. */
  #release({ begun, changes }: Batch): void {
    this.#parts.feed.publish(changes)
    const { answered, parked } = this.#parking.release()
    const replies = parked.map((id): ReplyEntry => [id, null, 'parked'])
    this.#replies.release([...begun.map(({ task }) => task), ...answered], replies)
  }
}
