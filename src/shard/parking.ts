// Commands that wait: parked until something comes to their key, or their lock to them, or something happens to their state,
// decided again when it does, answered in any case by their deadline. Notes what happens for those who wait for it, now or
// later. Owned by one shard, which applies and commits what is decided here.
// Invariant: whoever is served keeps its place until the commit: if the journal refuses, it stands where it stood.
import { type Clocks, threadsMs } from '../base/clock.ts'
import { Histogram, type NamedHistogram, waitBounds } from '../base/histogram.ts'
import type { Limits } from '../base/limits.ts'
import { lockQueue, type Park, type Refuse, refuse } from '../command/decide.ts'
import type { Keyed } from '../protocol/keyed.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import { keptChange, loggedAgain } from '../state/logged-change.ts'
import type { RecentChanges } from '../state/recent-changes.ts'
import type { Executor, Settled } from './executor.ts'
import type { Task } from './task.ts'
import { type Waiter, Waiters } from './waiters.ts'

type Settle = (task: Task, settled: Settled) => void

export class Parking {
  readonly #executor: Executor
  readonly #limits: Limits
  readonly #waiters = new Waiters()
  /** Who was parked, and who was answered, since the last commit. */
  #parked: Waiter[] = []
  #answered: Waiter[] = []
  readonly #recent: RecentChanges
  /** How many changes were noted since the last commit. */
  #noted = 0
  #isDraining = false
  readonly #waitSeconds = {
    lock: new Histogram(waitBounds),
    key: new Histogram(waitBounds),
    changes: new Histogram(waitBounds),
  }

  constructor(executor: Executor, limits: Limits, recent: RecentChanges) {
    this.#executor = executor
    this.#recent = recent
    this.#limits = limits
  }

  get size(): number {
    return this.#waiters.size
  }

  /** The requests that were answered since the last commit. */
  get answered(): readonly Task[] {
    return this.#answered.map(({ task }) => task)
  }

  /** For the statistics. */
  snapshot() {
    const { size: waiters, lockWaiters } = this.#waiters
    const waitSeconds = Object.entries(this.#waitSeconds).map(
      ([name, histogram]): NamedHistogram => ({ name, histogram: histogram.snapshot() }),
    )
    return { waiters, lockWaiters, waitSeconds, changesKept: this.#recent.length, changeBytesKept: this.#recent.bytes }
  }

  /** How many wait for this lock. */
  lockWaitersOf(lock: string): number {
    return this.#waiters.forLock(lock)
  }

  /** When somebody will have waited long enough; null where nobody waits. */
  get nextDeadline(): number | null {
    return this.#waiters.nextDeadline
  }

  /** Has a command wait. Answers with a refusal where it may not. */
  park(task: Task, park: Park, keyed: Keyed | undefined, settle: Settle): Refuse | undefined {
    const { waitersPerShardMax } = this.#limits
    if (this.#isDraining) return refuse('SHUTTING_DOWN', {})
    const first = keyed && this.#waitingUnder(keyed)
    if (first !== undefined) return this.#takeOver(first, task, park.deadline, keyed, settle)
    if (this.#waiters.size >= waitersPerShardMax) {
      return refuse('OVERLOADED', { what: `${waitersPerShardMax} callers wait in this shard` })
    }
    this.#parked.push(this.#waiters.add(task, park, keyed))
    return undefined
  }

  #waitingUnder({ routingKey, key }: Keyed): Waiter | undefined {
    return this.#waiters.all().find(({ keyed }) => keyed?.key === key && keyed.routingKey === routingKey)
  }

  /** The same command under the same key takes over the place of the one that waits. */
  #takeOver(first: Waiter, task: Task, deadline: number, keyed: Keyed | undefined, settle: Settle): Refuse | undefined {
    if (first.keyed?.hash !== keyed?.hash) return refuse('KEY_REUSED', { idempotency_key: keyed?.key ?? '' })
    const { task: before } = first
    this.#answered.push({ ...first, entry: undefined, isDismissed: true })
    this.#waiters.replace(first, task, deadline)
    if (!this.#parked.includes(first)) this.#parked.push(first)
    const reason = 'the same command came again under its key, and waits in its place'
    settle(before, this.#executor.refuse(before, refuse('OUTCOME_UNKNOWN', { reason })))
    return undefined
  }

  /** Takes up what the journal kept of the changes of earlier lives: see `Journal.recall`. */
  recall(changes: readonly JsonObject[] | undefined): void {
    if (changes === undefined) return this.#recent.clear()
    for (const change of changes) if (change.state !== undefined) this.#recent.append(loggedAgain(change))
    this.#recent.trim()
  }

  /** Notes a change that was applied, and whose turn may have come by it. A lock's is no state's, and told to nobody. */
  notice(change: Change): void {
    if (change.subject !== 'lock') {
      this.#recent.append(keptChange(change))
      this.#noted += 1
    }
    if (this.#waiters.size > 0) this.#waiters.notice(change)
  }

  /** Serves whose turn has come, the first of each queue first, until none of them can be served. */
  serve(now: Clocks, settle: Settle): void {
    for (let waiter = this.#waiters.next(); waiter !== undefined; waiter = this.#waiters.next()) {
      const decided = this.#executor.decide(waiter.task, now)
      if ('answer' in decided) this.#answer(waiter, decided, settle)
      else this.#waiters.goesOn(waiter)
    }
  }

  /** Tells those who wait for changes of all that the batch has changed, once for the whole batch. */
  serveWatchers(now: Clocks, settle: Settle): void {
    for (let waiter = this.#waiters.nextWatcher(); waiter !== undefined; waiter = this.#waiters.nextWatcher()) {
      this.#answer(waiter, this.#executor.decideAtLast(waiter.task, now, waiter.seenTo), settle)
    }
  }

  /** Answers those who have waited long enough. */
  answerDue(now: Clocks, settle: Settle): void {
    for (let waiter = this.#waiters.due(now.mono); waiter !== undefined; waiter = this.#waiters.due(now.mono)) {
      this.#answer(waiter, this.#executor.decideAtLast(waiter.task, now, waiter.seenTo), settle)
    }
  }

  /** Its caller is gone: the request is answered as if its time were over. One that does not wait is left alone. */
  cancel(request: number, now: Clocks, settle: Settle): void {
    const waiter = this.#waiters.of(request)
    if (waiter === undefined) return
    waiter.isDismissed = true
    this.#answer(waiter, this.#executor.decideAtLast(waiter.task, now, waiter.seenTo), settle)
  }

  /** Refuses all who wait, and from now on whoever would. */
  drain(settle: Settle): void {
    this.#isDraining = true
    for (const waiter of this.#waiters.all()) {
      waiter.isDismissed = true
      this.#answer(waiter, this.#executor.refuse(waiter.task, refuse('SHUTTING_DOWN', {})), settle)
    }
  }

  /**
   * The journal refused: nobody was served, and nobody was parked. Returns the requests that are to be decided again. Who
   * was dismissed stays so, as no commit has anything to do with it.
   */
  takeBack(): Task[] {
    for (; this.#noted > 0; this.#noted -= 1) this.#recent.takeBack()
    const answered = this.#answered.filter(({ isDismissed }) => !isDismissed)
    this.#answered = this.#answered.filter(({ isDismissed }) => isDismissed)
    for (const { task } of answered) task.answers.length = 0
    this.#waiters.restore(answered)
    const parked = this.#parked.splice(0).filter(({ isDismissed }) => !isDismissed)
    for (const waiter of parked) this.#waiters.remove(waiter)
    return parked.map(({ task }) => task)
  }

  /** What the batch came to: the requests that are answered now, and those that wait from now on. */
  release(): { readonly answered: readonly Task[]; readonly parked: readonly number[] } {
    if (this.#noted > 0) this.#recent.trim()
    this.#noted = 0
    const parked = this.#parked.splice(0).filter(({ entry }) => entry !== undefined)
    const answered = this.#answered.splice(0)
    if (answered.length > 0) this.#noteWaits(answered)
    return { answered: answered.map(({ task }) => task), parked: parked.map(({ task }) => task.id) }
  }

  /** Their wait is counted as such, and not as a time that their commands took. */
  #noteWaits(answered: readonly Waiter[]): void {
    const at = threadsMs()
    for (const { task, key, seenTo } of answered) {
      const awaited = seenTo !== undefined ? 'changes' : key === lockQueue ? 'lock' : 'key'
      this.#waitSeconds[awaited].observe((at - task.arrivedAt) / 1000)
      task.arrivedAt = at
    }
  }

  #answer(waiter: Waiter, settled: Settled, settle: Settle): void {
    this.#waiters.remove(waiter)
    this.#answered.push(waiter)
    settle(waiter.task, settled)
  }
}
