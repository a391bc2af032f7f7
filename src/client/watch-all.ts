// Watches of several states as one: what each of them tells, in the order in which it comes. Between states there is no
// order, so the place from where to go on is a version of each.
import { Queue } from '../base/queue.ts'
import { Watch, type WatchOptions, type WatchSource } from './watch.ts'
import type { WatchEvent } from './watch-events.ts'

/** Versions by state. */
export type Cursor = Readonly<Record<string, number>>

export interface WatchAllOptions extends Omit<WatchOptions, 'since'> {
  /** Where an earlier watch of these states ended. States that it does not name are listed. */
  readonly cursor?: Cursor | undefined
}

type Result = IteratorResult<WatchEvent, void>

/** Reads like a `Watch`. It holds one event of each state, and asks for the next one when that was taken. */
export class WatchAll implements AsyncIterableIterator<WatchEvent>, AsyncDisposable {
  readonly #watches: readonly Watch[]
  readonly #events: AsyncGenerator<WatchEvent, void, void>
  readonly #handedOut = new Map<string, number>()

  /** Use `client.watchAll` or `engine.watchAll`. */
  constructor(source: WatchSource, states: readonly string[], { cursor = {}, ...options }: WatchAllOptions = {}) {
    const names = [...new Set(states)]
    for (const name of names) if (Object.hasOwn(cursor, name)) this.#handedOut.set(name, cursor[name] as number)
    this.#watches = names.map((name) => new Watch(source, name, { ...options, since: this.#handedOut.get(name) }))
    this.#events = this.#run()
  }

  /** What to give to a later watch, so that it tells what this one did not. States that are being listed are not in it. */
  get cursor(): Cursor {
    return Object.fromEntries(this.#handedOut)
  }

  next(): Promise<Result> {
    return this.#events.next()
  }

  /** Ends all of them, also while somebody waits for the next event. */
  async return(): Promise<Result> {
    await Promise.all(this.#watches.map((watch) => watch.return()))
    return this.#events.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async *#run(): AsyncGenerator<WatchEvent, void, void> {
    const ready = new Queue<{ readonly watch: Watch; readonly result: Promise<Result> }>()
    let wake = (): void => {}
    const ask = (watch: Watch): void => {
      const result = watch.next()
      const note = (): void => {
        ready.push({ watch, result })
        wake()
      }
      result.then(note, note)
    }
    for (const watch of this.#watches) ask(watch)
    let open = this.#watches.length
    try {
      while (open > 0) {
        const next = ready.shift()
        if (next === undefined) {
          await new Promise<void>((resolve) => (wake = resolve))
          continue
        }
        const { done, value } = await next.result
        if (done === true) {
          open -= 1
          continue
        }
        const { state, version } = next.watch
        if (version === undefined) this.#handedOut.delete(state)
        else this.#handedOut.set(state, version)
        yield value
        ask(next.watch)
      }
    } finally {
      await Promise.all(this.#watches.map((watch) => watch.return()))
    }
  }
}
