// What callers of one state saw: their calls with start and answer on one clock, which counts and says nothing of time. A
// refusal that says that its command did not run leaves no trace: had it run, later answers would tell.
import { type ErrorClass, errorTable, isErrorCode } from '../../src/protocol/errors.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { Call } from './checker.ts'

export type Told = 'ran' | 'did not run' | 'unknown'

/** A call that was made. Until something is said of it, nobody knows what became of it. */
export interface Made {
  /** Its caller has this reply. */
  readonly answer: (reply: JsonObject) => void
  /** It was never made after all. */
  readonly withdraw: () => void
}

export class History {
  readonly #calls = new Set<Call>()
  #clock = 0

  get calls(): readonly Call[] {
    return [...this.#calls]
  }

  get unknown(): number {
    return this.calls.filter(({ reply }) => reply === undefined).length
  }

  begin(client: string, command: JsonObject): Made {
    const invokedAt = this.#tick()
    const started: Call = { client, command, reply: undefined, invokedAt, answeredAt: Number.POSITIVE_INFINITY }
    this.#calls.add(started)
    const withdraw = (): void => void this.#calls.delete(started)
    return {
      withdraw,
      answer: (reply) => {
        const told = toldBy(reply)
        if (told === 'unknown') return
        withdraw()
        if (told === 'ran') this.#calls.add({ ...started, reply, answeredAt: this.#tick() })
      },
    }
  }

  #tick(): number {
    this.#clock += 1
    return this.#clock
  }
}

/** What only the client library says, of commands that it has not sent. */
const notSent: ReadonlySet<unknown> = new Set(['NOT_CONNECTED', 'NOT_SENT', 'CLIENT_CLOSED'])

/** Whether the command of a reply ran, in order to say this. */
export function toldBy({ code }: JsonObject): Told {
  if (notSent.has(code)) return 'did not run'
  if (!isErrorCode(code)) return 'ran'
  const errorClass: ErrorClass = errorTable[code].class
  if (errorClass === 'unknown') return 'unknown'
  return errorClass === 'request' || errorClass === 'state' ? 'ran' : 'did not run'
}
