// Callers who wait for something to come to a key, or for a lock, first come first served, or for a state to change, each
// until a deadline of its own. Owned by one shard, which decides their commands again when something happened to their key
// or state.
// Invariant: a waiter stands in its queue, or among the watchers, and in the heap of deadlines, or in none of them.
import { type DeadlineEntry, DeadlineHeap } from '../base/deadline-heap.ts'
import { lockQueue, type Park } from '../command/decide.ts'
import type { Keyed } from '../protocol/keyed.ts'
import type { Change } from '../state/change.ts'
import type { Task } from './task.ts'
import { Watchers } from './watchers.ts'

export interface Waiter {
  /** Its only command is the one that waits. */
  task: Task
  /** Present where its command carries an idempotency key. */
  readonly keyed: Keyed | undefined
  /** Of one that waits for changes: how the names begin that it wants to hear of. */
  readonly key: string
  /** Of one that waits for changes: up to which version it has missed nothing. Undefined for the others. */
  seenTo: number | undefined
  /** On the clock that never goes back. */
  deadline: number
  /** Rises with every waiter: the order in which they came. */
  readonly number: number
  /** Undefined for one that waits no longer. */
  entry: DeadlineEntry<Waiter> | undefined
  /** Its caller is gone, or the shard drains: it never waits again. */
  isDismissed: boolean
}

type Queue = Set<Waiter>

export class Waiters {
  readonly #states = new Map<string, Map<string, Queue>>()
  readonly #deadlines = new DeadlineHeap<Waiter>()
  readonly #byRequest = new Map<number, Waiter>()
  /** The queues to whose keys something has happened since they were last served. */
  readonly #touched = new Set<Queue>()
  readonly #watchers = new Watchers()
  #lastNumber = 0
  /** How many of them wait for a lock. */
  lockWaiters = 0

  get size(): number {
    return this.#byRequest.size
  }

  /** When the first of them has waited long enough; null where nobody waits. */
  get nextDeadline(): number | null {
    return this.#deadlines.first()?.at ?? null
  }

  /** The one that has waited long enough by now. */
  due(mono: number): Waiter | undefined {
    const first = this.#deadlines.first()
    return first !== undefined && first.at <= mono ? first.item : undefined
  }

  /** How many wait for this lock. */
  forLock(lock: string): number {
    return this.#states.get(lock)?.get(lockQueue)?.size ?? 0
  }

  of(request: number): Waiter | undefined {
    return this.#byRequest.get(request)
  }

  all(): Waiter[] {
    return [...this.#byRequest.values()]
  }

  add(task: Task, { key, awaits, deadline }: Park, keyed?: Keyed): Waiter {
    this.#lastNumber += 1
    const seenTo = awaits === 'change' ? Number.POSITIVE_INFINITY : undefined
    const waiter: Waiter = {
      task,
      keyed,
      key,
      seenTo,
      deadline,
      number: this.#lastNumber,
      entry: undefined,
      isDismissed: false,
    }
    this.#insert(waiter)
    return waiter
  }

  /** Has another request wait in the place of one that waits. */
  replace(waiter: Waiter, task: Task, deadline: number): void {
    this.#byRequest.delete(waiter.task.id)
    waiter.task = task
    waiter.deadline = deadline
    waiter.entry = this.#deadlines.set(waiter.entry, waiter, deadline)
    this.#byRequest.set(task.id, waiter)
  }

  remove(waiter: Waiter): void {
    if (waiter.seenTo === undefined ? !this.#leaveQueue(waiter) : !this.#watchers.remove(waiter)) return
    waiter.entry = this.#deadlines.set(waiter.entry, waiter, null)
    this.#byRequest.delete(waiter.task.id)
  }

  /** Puts waiters back to where they stood: what they were given was taken back. */
  restore(waiters: readonly Waiter[]): void {
    this.#watchers.takeBack()
    for (const waiter of waiters) {
      if (waiter.seenTo !== undefined) waiter.seenTo = Number.POSITIVE_INFINITY
      this.#insert(waiter)
    }
    for (const queues of this.#states.values()) {
      for (const queue of queues.values()) {
        const inOrder = [...queue].sort((a, b) => a.number - b.number)
        queue.clear()
        for (const waiter of inOrder) queue.add(waiter)
      }
    }
    this.#touched.clear()
  }

  /** Notes whose turn may have come by a change that was applied. */
  notice(change: Change): void {
    if (change.subject !== 'lock') this.#watchers.notice(change)
    const queues = this.#states.get(change.subject === 'lock' ? change.lock : change.state)
    if (queues === undefined) return
    if (change.subject === 'key' || change.subject === 'list' || change.subject === 'lock') {
      const queue = queues.get(change.subject === 'lock' ? lockQueue : change.key)
      if (queue !== undefined) this.#touched.add(queue)
    } else for (const queue of queues.values()) this.#touched.add(queue)
  }

  /** Whom to ask next whether its command can be decided now. */
  next(): Waiter | undefined {
    for (const queue of this.#touched) for (const waiter of queue) return waiter
    return undefined
  }

  /** For whom something has happened of what it waits for. */
  nextWatcher(): Waiter | undefined {
    return this.#watchers.next()
  }

  /** The first of a queue goes on waiting, and so do those behind it. */
  goesOn({ task, key }: Waiter): void {
    const queue = this.#states.get(task.routingKey)?.get(key)
    if (queue !== undefined) this.#touched.delete(queue)
  }

  #insert(waiter: Waiter): void {
    if (waiter.seenTo === undefined) this.#joinQueue(waiter)
    else this.#watchers.insert(waiter)
    waiter.entry = this.#deadlines.set(undefined, waiter, waiter.deadline)
    this.#byRequest.set(waiter.task.id, waiter)
  }

  #joinQueue(waiter: Waiter): void {
    const state = waiter.task.routingKey
    let queues = this.#states.get(state)
    if (queues === undefined) {
      queues = new Map()
      this.#states.set(state, queues)
    }
    let queue = queues.get(waiter.key)
    if (queue === undefined) {
      queue = new Set()
      queues.set(waiter.key, queue)
    }
    queue.add(waiter)
    if (waiter.key === lockQueue) this.lockWaiters += 1
  }

  /** False for one that does not stand there. */
  #leaveQueue(waiter: Waiter): boolean {
    const state = waiter.task.routingKey
    const queues = this.#states.get(state)
    const queue = queues?.get(waiter.key)
    if (queue === undefined || !queue.delete(waiter)) return false
    if (waiter.key === lockQueue) this.lockWaiters -= 1
    if (queue.size > 0) return true
    queues?.delete(waiter.key)
    this.#touched.delete(queue)
    if (queues?.size === 0) this.#states.delete(state)
    return true
  }
}
