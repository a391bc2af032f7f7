// A watch of one state: what stands, or what happened since a version, and then whatever happens, each change once and in
// order. Over an engine in this process and over a connection it is the same.
// Invariant: every change is handed out, is part of what is listed, or is announced as missed by `lagged`.
import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { invalidRequest } from '../protocol/envelope.ts'
import { nameProblem } from '../protocol/names.ts'
import { type ChangesPage, ChangesReader, type ChangesSource } from './changes-reader.ts'
import { errorOfRefusal } from './error.ts'
import type { FeedReceiver } from './feed-receiver.ts'
import { listState } from './listing.ts'
import type { LiveChanges } from './live-changes.ts'
import type { ChangeEvent, WatchEvent } from './watch-events.ts'

export interface WatchOptions {
  /** Only keys and ids that begin so; what happens to the whole state is always told. */
  readonly prefix?: string | undefined
  /** Tells what happened after this version of the state, such as the one that a read has shown. Default: lists what stands. */
  readonly since?: number | undefined
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined
}

export interface WatchSource extends ChangesSource {
  /** Where watches are told more quickly than by asking; they ask where there is none. */
  readonly feed?: Pick<FeedReceiver, 'watch' | 'unwatch'>
  /** Aborted when whoever answers is closed; then the watch ends. */
  readonly closed: AbortSignal
}

/** How long a server may keep an answer back until something happens. Somebody who went is remembered for so long, too. */
const waitMs = 10_000
/** Between two questions of a watch that finds no place to wait; up to twice as long, so that not all ask at once. */
const pauseMs = 1_000

/**
 * `for await (const event of client.watch('leads'))`. To leave the loop ends the watch. It goes on over lost connections
 * and restarts of the server for as long as it is not ended; what can never be told ends it with a `HoldfastError`. It may
 * be read at any speed: it holds a bounded number of changes.
 */
export class Watch implements AsyncIterableIterator<WatchEvent>, AsyncDisposable {
  readonly state: string
  readonly #source: WatchSource
  readonly #prefix: string | undefined
  readonly #end = new AbortController()
  readonly #signal: AbortSignal
  readonly #reader: ChangesReader
  readonly #events: AsyncGenerator<WatchEvent, void, void>
  #version: number | undefined
  #live: LiveChanges | undefined

  /** Use `client.watch` or `engine.watch`. */
  constructor(source: WatchSource, state: string, { prefix, since, signal }: WatchOptions = {}) {
    const problem = nameProblem(state)
    if (problem !== undefined) throw errorOfRefusal(invalidRequest(problem))
    this.state = state
    this.#source = source
    this.#prefix = prefix
    const ends = [this.#end.signal, source.closed]
    this.#signal = AbortSignal.any(signal === undefined ? ends : [...ends, signal])
    // Each call of a listing listens to it.
    setMaxListeners(0, this.#signal)
    this.#reader = new ChangesReader(source, state, prefix, this.#signal)
    this.#events = this.#run(since)
  }

  /**
   * Where a later watch has to go on, as `since`, to be told what this one was not; undefined until all that stood at the
   * beginning was listed.
   */
  get version(): number | undefined {
    return this.#version
  }

  /** How often the server was asked for changes. */
  get reads(): number {
    return this.#reader.reads
  }

  next(): Promise<IteratorResult<WatchEvent, void>> {
    return this.#events.next()
  }

  /** Ends the watch, also while somebody waits for its next event. */
  async return(): Promise<IteratorResult<WatchEvent, void>> {
    this.#end.abort()
    return this.#events.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async *#run(since: number | undefined): AsyncGenerator<WatchEvent, void, void> {
    const lists = since === undefined
    // From before the listing on, so that the first thing that happens after it is not asked for.
    const { feed } = this.#source
    this.#live = feed?.watch(this.state)
    const wake = (): void => this.#live?.wake()
    this.#signal.addEventListener('abort', wake)
    try {
      if (lists) yield* this.#list()
      else this.#version = since
      for (;;) {
        const page = await this.#next(this.#version as number)
        if (page === 'lost') {
          this.#version = await this.#reader.latest()
          yield { type: 'lagged', state: this.state, version: this.#version }
          if (lists) yield* this.#list()
          continue
        }
        const exchanged = yield* this.#tell(page.changes, lists)
        if (exchanged) yield* this.#list()
        else this.#version = page.scannedTo
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error
    } finally {
      this.#signal.removeEventListener('abort', wake)
      if (this.#live !== undefined) feed?.unwatch(this.state, this.#live)
    }
  }

  /** What happened after a version: as the feed has said it, or where that is not all, or is silent, by asking. */
  async #next(version: number): Promise<ChangesPage | 'lost'> {
    const live = this.#live
    while (live?.isHeard === true) {
      const page = live.after(version)
      if (page !== undefined) return { changes: this.#wanted(page.changes), scannedTo: page.last }
      if (live.latest > version) return this.#reader.read(version, 0)
      await live.something()
      this.#signal.throwIfAborted()
    }
    return this.#ask(version)
  }

  async #ask(version: number): Promise<ChangesPage | 'lost'> {
    const { places } = this.#source
    if (places.takeWait()) return this.#reader.read(version, waitMs).finally(() => places.giveBackWait())
    const page = await this.#reader.read(version, 0)
    const pause = pauseMs * (1 + Math.random())
    if (page !== 'lost' && page.scannedTo === version) await delay(pause, undefined, { signal: this.#signal })
    return page
  }

  /** The feed tells of all names. */
  #wanted(changes: readonly ChangeEvent[]): readonly ChangeEvent[] {
    const prefix = this.#prefix
    if (prefix === undefined || prefix === '') return changes
    return changes.filter(({ key, id }) => String(key ?? id ?? prefix).startsWith(prefix))
  }

  /** True, with the rest left out, where what stands has to be listed again. */
  async *#tell(changes: readonly ChangeEvent[], lists: boolean): AsyncGenerator<WatchEvent, boolean, void> {
    for (const change of changes) {
      this.#version = change.version
      yield change
      if (lists && (change.type === 'replaced' || change.type === 'altered')) return true
    }
    return false
  }

  async *#list(): AsyncGenerator<WatchEvent, void, void> {
    this.#version = undefined
    const { state } = this
    const { caller } = this.#source
    const { version, hasKeys, contents } = await listState({
      caller,
      reader: this.#reader,
      state,
      prefix: this.#prefix,
    })
    for (const [name, newValue] of contents) {
      yield hasKeys
        ? { type: 'listed', state, version, key: String(name), newValue }
        : { type: 'listed', state, version, id: name, newValue }
    }
    this.#version = version
    yield { type: 'ready', state, version }
  }
}
