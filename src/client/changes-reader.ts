// Asks a server for the changes of one state, for as long as somebody watches it: a server that is away, full or starting is
// asked again. What cannot be told any more comes out as `lost`, and is never passed over.
import { setTimeout as delay } from 'node:timers/promises'
import type { JsonObject } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { HoldfastError } from './error.ts'
import { given } from './given.ts'
import { type ChangeEvent, eventOf } from './watch-events.ts'
import type { WatchPlaces } from './watch-places.ts'

export interface ChangesSource {
  readonly caller: Caller
  /** Shared by all watches of the same client. */
  readonly places: WatchPlaces
  /**
   * Something that becomes another when versions begin anew, as those of a server without a disk do at its next start:
   * the same version may then stand for something else.
   */
  readonly history: () => number | string | undefined
}

/** What happened after some version, and the version up to which nothing else did. */
export interface ChangesPage {
  readonly changes: readonly ChangeEvent[]
  readonly scannedTo: number
}

/** Between two questions to a server that cannot answer now. */
const pauseMsMin = 50
const pauseMsMax = 1_000

export class ChangesReader {
  readonly #source: ChangesSource
  readonly #state: string
  readonly #prefix: string | undefined
  readonly #signal: AbortSignal
  #history: number | string | undefined
  #reads = 0

  constructor(source: ChangesSource, state: string, prefix: string | undefined, signal: AbortSignal) {
    this.#source = source
    this.#state = state
    this.#prefix = prefix
    this.#signal = signal
    this.#history = source.history()
  }

  /** How often the server was asked. */
  get reads(): number {
    return this.#reads
  }

  /** What happened after a version; waits for something to happen, if told to. */
  async read(since: number, waitMs: number): Promise<ChangesPage | 'lost'> {
    const args = given({ since, prefix: this.#prefix, wait: waitMs === 0 ? undefined : waitMs / 1_000 })
    const read = ({ changes, scanned_to: scannedTo }: JsonObject): ChangesPage => ({
      changes: (changes as JsonObject[]).map((change) => eventOf(this.#state, change)),
      scannedTo: scannedTo as number,
    })
    try {
      this.#reads += 1
      const ask = (options: CallOptions): Promise<ChangesPage> =>
        this.#source.caller.run('GET_CHANGES', this.#state, args, read, options)
      const page = await (waitMs === 0 ? this.persist(ask) : this.#persist(ask))
      return this.#isAnotherHistory() ? 'lost' : page
    } catch (error) {
      if (isLost(error)) return 'lost'
      throw error
    }
  }

  /** The version that stands: what follows it can be told. */
  async latest(): Promise<number> {
    this.#isAnotherHistory()
    const args = { since: -1, limit: 1 }
    const read = ({ version }: JsonObject): number => version as number
    try {
      return await this.persist((options) => this.#source.caller.run('GET_CHANGES', this.#state, args, read, options))
    } catch (error) {
      if (isLost(error)) return error.details.version as number
      throw error
    }
  }

  /** Makes a read again and again, for as long as what keeps it from being answered may pass. */
  persist<Result>(call: (options: CallOptions) => Promise<Result>): Promise<Result> {
    return this.#persist((options) => this.#source.places.read(() => call(options)))
  }

  async #persist<Result>(call: (options: CallOptions) => Promise<Result>): Promise<Result> {
    for (let pauseMs = pauseMsMin; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
      try {
        return await call({ signal: this.#signal })
      } catch (error) {
        const passes = error instanceof HoldfastError && (error.retryable || error.mayHaveRun)
        if (!passes || this.#signal.aborted) throw error
      }
      await delay(pauseMs, undefined, { signal: this.#signal })
    }
  }

  #isAnotherHistory(): boolean {
    const history = this.#source.history()
    const isAnother = history !== this.#history
    this.#history = history
    return isAnother
  }
}

/** What came after the version is forgotten, or the version is one of a history that is no more. */
function isLost(error: unknown): error is HoldfastError {
  return error instanceof HoldfastError && (error.code === 'COMPACTED' || error.code === 'VERSION_CONFLICT')
}
