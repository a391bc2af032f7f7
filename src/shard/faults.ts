// Deaths on demand, so that tests can show what happens after one. The only module that makes faults; a shard reaches it
// only when it was started with faults enabled, which no option of the daemon does.
import { assert } from '../base/assert.ts'
import { durationBounds, Histogram } from '../base/histogram.ts'
import type { Commit, Journal } from '../journal/journal.ts'
import { isOfTransactions, preparedTable } from '../journal/kept-rows.ts'
import type { Fault, StepFault, TransactionCommit } from '../protocol/control.ts'
import type { ProbePoint } from './shard-options.ts'

const nothingSynced = new Histogram(durationBounds).snapshot()

export class Faults {
  #armed: Fault | undefined

  /** The next command that the shard decides meets this fault, or the next commit if it is one of those. */
  arm(fault: Fault): void {
    this.#armed = fault
  }

  /** A journal that can lose its answer to a commit. */
  around(journal: Journal): Journal {
    return {
      durability: journal.durability,
      get isFull() {
        return journal.isFull ?? false
      },
      get syncSeconds() {
        return journal.syncSeconds ?? nothingSynced
      },
      recover: (directory, onKept) => journal.recover(directory, onKept),
      recall: (take) => journal.recall(take),
      commit: async (commit) => {
        this.#meet('before', commit)
        const outcome = await journal.commit(commit)
        this.#meet('after', commit)
        if (this.#armed !== 'lost-answer') return outcome
        this.#armed = undefined
        return { outcome: 'unknown', reason: 'a test asked for this failure' }
      },
      ...(journal.copy && { copy: journal.copy.bind(journal) }),
      readChunk: (place) => journal.readChunk(place),
      chunkPlaces: (snapshot, max) => journal.chunkPlaces(snapshot, max),
      close: () => journal.close(),
    }
  }

  readonly probe = (point: ProbePoint): void => {
    if (point !== 'decide' || this.#armed === undefined || isOfCommit(this.#armed)) return
    const fault = this.#armed
    this.#armed = undefined
    happen(fault)
  }

  #meet(when: 'before' | 'after', commit: Commit): void {
    if (this.#armed === undefined || !isOfCommit(this.#armed)) return
    for (const step of stepsOf(commit)) {
      if (this.#armed === `kill-${when}-${step}`) process.kill(process.pid, 'SIGKILL')
      if (this.#armed !== `fail-${when}-${step}`) continue
      this.#armed = undefined
      return happen('throw')
    }
  }
}

function isOfCommit(fault: Fault): fault is 'lost-answer' | StepFault {
  return fault === 'lost-answer' || fault.includes('-before-') || fault.includes('-after-')
}

/** One commit may bring steps of several transactions. */
function stepsOf({ kept = [] }: Commit): TransactionCommit[] {
  return kept
    .filter(({ table }) => isOfTransactions(table))
    .map(({ table, value }) => {
      if (table === preparedTable) return value === undefined ? 'finish' : 'prepare'
      return value === undefined ? 'forget' : 'decide'
    })
}

function happen(fault: Exclude<Fault, 'lost-answer' | StepFault>): void {
  switch (fault) {
    case 'throw':
      return assert(false, 'a test asked for this failure')
    case 'exit':
      return process.exit(1)
    case 'out-of-memory': {
      const hoard: number[][] = []
      for (;;) hoard.push(Array.from({ length: 1_000_000 }, (_, index) => index + 0.5))
    }
    case 'endless-loop':
      for (;;);
  }
}
