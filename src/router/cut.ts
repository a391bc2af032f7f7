// A cut through all shards at one moment: an entry in every mailbox, posted in one turn, while no transaction stands between
// its decision and its last acknowledgement. Each shard takes it up at its place in the mailbox, after the commit of all that
// it has run and before anything that came later. Used by whatever keeps all shards together, such as a snapshot or a backup.
// Invariant: what was answered before the cut was asked for is in it on every shard, and what is sent after its answer is on
// none; of a transaction there is all or nothing. A command that takes its steps meanwhile is not in it, as it is not done.
import type { WakeAfter } from '../base/clock.ts'
import type { CutBody } from '../protocol/cut.ts'
import { type Refusal, refusal } from '../protocol/errors.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Decisions } from './decisions.ts'
import type { Mailbox } from './mailbox.ts'
import { within } from './within.ts'

/** Transactions are held back for so long at most: a shard that keeps one from its end must not stop all the others. */
const holdBackMsMax = 5_000

export interface CutsOptions {
  readonly mailboxes: readonly Mailbox[]
  readonly decisions: Decisions
  /** How long a shard that is starting is waited for, in milliseconds. */
  readonly deadlineMs: number
  readonly wakeAfter: WakeAfter
}

export class Cuts {
  readonly #options: CutsOptions

  constructor(options: CutsOptions) {
    this.#options = options
  }

  /**
   * Has every shard do what `body` says at one moment. Resolves to the replies of the shards, in their order; where a shard
   * could not answer, to its refusal as a reply, `OUTCOME_UNKNOWN` if it may have begun. Or resolves to a refusal, if there
   * was no cut: `SHARD_RECOVERING` of a shard that does not come back in time, `SHARD_CORRUPT` or `QUARANTINED` of one that
   * will not serve, or `OVERLOADED` where transactions do not come to their end.
   */
  async take(body: CutBody): Promise<readonly JsonObject[] | Refusal> {
    const { mailboxes, decisions, deadlineMs } = this.#options
    for (;;) {
      const away = mailboxes.find(({ isReady }) => !isReady)
      if (away !== undefined) {
        const isDecided = away.isAway && (await this.#within(deadlineMs, (ready) => away.whenReady(ready)))
        if (!isDecided || !away.isReady) return away.awayRefusal
        continue
      }
      const goOn = decisions.holdBack()
      try {
        const isSettled = await this.#within(holdBackMsMax, (settled) => decisions.whenSettled(settled))
        const isWhole = mailboxes.every(({ isReady }) => isReady)
        // Posted in this very turn: nothing may happen between the look and the last of them.
        if (isSettled && isWhole && decisions.isSettled)
          return Promise.all(mailboxes.map((each) => each.ask('cut', body)))
        if (!isSettled && isWhole) return refusal('OVERLOADED', { what: 'a transaction that does not come to its end' })
      } finally {
        // Whatever is decided from here on reaches its shards behind the cut.
        goOn()
      }
    }
  }

  #within(ms: number, wait: (done: () => void) => () => void): Promise<boolean> {
    return within(this.#options.wakeAfter, ms, wait)
  }
}
