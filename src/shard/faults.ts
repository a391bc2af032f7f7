// Deaths on demand, so that tests can show what happens after one. The only module that makes faults; a shard reaches it
// only when it was started with faults enabled, which no option of the daemon does.
import { assert } from '../base/assert.ts'
import type { Journal } from '../journal/journal.ts'
import type { Fault } from '../protocol/control.ts'
import type { ProbePoint } from './shard.ts'

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
      recover: (directory, onMark) => journal.recover(directory, onMark),
      commit: async (commit) => {
        const outcome = await journal.commit(commit)
        if (this.#armed !== 'lost-answer') return outcome
        this.#armed = undefined
        return { outcome: 'unknown', reason: 'a test asked for this failure' }
      },
      close: () => journal.close(),
    }
  }

  readonly probe = (point: ProbePoint): void => {
    if (point !== 'decide' || this.#armed === undefined || this.#armed === 'lost-answer') return
    const fault = this.#armed
    this.#armed = undefined
    happen(fault)
  }
}

function happen(fault: Exclude<Fault, 'lost-answer'>): void {
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
