// Work of a shard that goes on beside its batches, over many turns: a slice at a time, with commits of its own, so that a
// commit that is refused concerns nobody else. Owned by the actor, which calls it once a turn.
// Invariant: at most one such commit a turn, behind that of the batch.

import type { Commit, CommitOutcome, Journal } from '../journal/journal.ts'
import { progressSlot } from '../protocol/mailbox.ts'
import { JournalFailure } from './batch.ts'

/** A promise that is handed over is waited for before the next step. */
export type Work = Generator<Promise<unknown> | undefined, void, void>

export type AsideCommit = Partial<Pick<Commit, 'kept' | 'chunks' | 'staged' | 'isUrgent'>>

const sliceMs = 2

export class Aside {
  readonly #progress: Int32Array
  readonly #wake: () => void
  readonly #works: Work[] = []
  #due: { readonly commit: AsideCommit; readonly settle: (outcome: CommitOutcome) => void }[] = []

  constructor(progress: Int32Array, wake: () => void) {
    this.#progress = progress
    this.#wake = wake
  }

  /** Whether there is something to do in the next turn. */
  get isDue(): boolean {
    return this.#works.length > 0 || this.#due.length > 0
  }

  begin(work: Work): void {
    this.#works.push(work)
    this.#wake()
  }

  /** Commits this alone, in this turn or one of the next. */
  commit(commit: AsideCommit): Promise<CommitOutcome> {
    return new Promise((settle) => this.#due.push({ commit, settle }))
  }

  /** Gives one work its slice. */
  work(): void {
    const work = this.#works.shift()
    if (work === undefined) return
    const deadline = performance.now() + sliceMs
    do {
      Atomics.add(this.#progress, progressSlot.steps, 1)
      const step = work.next()
      if (step.done) return
      if (step.value !== undefined) {
        void step.value.then(() => this.begin(work))
        return
      }
    } while (performance.now() < deadline)
    this.#works.push(work)
  }

  /** Commits what is due, under the number after `last`. Answers with the number of the last commit. */
  async commitDue(journal: Journal, last: number): Promise<number> {
    const due = this.#due.shift()
    if (due === undefined) return last
    const outcome = await journal.commit({ number: last + 1, changes: [], staged: [], ...due.commit })
    if (outcome.outcome === 'unknown') throw new JournalFailure(outcome.reason)
    due.settle(outcome)
    return outcome.outcome === 'committed' ? last + 1 : last
  }
}

/** Waits for a promise inside of a work, and answers with what it came to; throws what it was rejected with. */
export function* awaited<Value>(promise: Promise<Value>): Generator<Promise<unknown>, Value, void> {
  const values: Value[] = []
  let failure: unknown
  yield promise.then(
    (value) => void values.push(value),
    (error: unknown) => {
      failure = error
    },
  )
  if (values.length === 0) throw failure
  return values[0] as Value
}
