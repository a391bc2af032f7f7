// A local copy of a table, kept current by a watch: reads cost what a Map costs, and writes go to the table as ever. It shows
// the table as it stood at one version, a moment behind what its server has.
// Invariant: what is read is always whole: a table that is listed anew replaces the copy in one step.
import { normalId, type RecordId } from '../protocol/arguments.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { type Contents, follow } from './contents.ts'
import type { IdOf, JsonFields, StoredRecord } from './rows.ts'
import { Watch, type WatchOptions, type WatchSource } from './watch.ts'
import type { WatchEvent } from './watch-events.ts'

export type CachedOptions = Pick<WatchOptions, 'prefix' | 'signal'>

interface Reader {
  readonly version: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class CachedTable<Row extends JsonFields<Row> = JsonObject> implements AsyncDisposable {
  readonly name: string
  readonly #watch: Watch
  #contents: Contents = new Map()
  #listed: Contents = new Map()
  #version: number | undefined
  #end: Error | undefined
  #readers: Reader[] = []

  /** Use `client.cached` or `engine.cached`. */
  constructor(source: WatchSource, name: string, options: CachedOptions = {}) {
    this.name = name
    this.#watch = new Watch(source, name, options)
    void this.#keep()
  }

  /** The version of the table that the copy shows; undefined before the first listing is complete. */
  get version(): number | undefined {
    return this.#version
  }

  /** The number of records. */
  get size(): number {
    this.#check()
    return this.#contents.size
  }

  /** A record, or null if there is none of this id. Do not change it: it is the copy. Throws once the copy is over. */
  get(id: IdOf<Row>): StoredRecord<Row> | null {
    this.#check()
    return (this.#contents.get(normalId(id)) ?? null) as StoredRecord<Row> | null
  }

  /** All records, the oldest first; do not change them. */
  values(): IterableIterator<StoredRecord<Row>> {
    this.#check()
    return this.#contents.values() as Iterable<JsonValue> as IterableIterator<StoredRecord<Row>>
  }

  /** Resolves when the copy can be read; rejects with what ended it. While there is no table, the copy is empty. */
  ready(): Promise<void> {
    return this.reaches(-1)
  }

  /** Resolves when the copy shows this version, which the reply of a write names, or a later one. */
  reaches(version: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) reject(this.#end)
      else if (this.#version !== undefined && this.#version >= version) resolve()
      else this.#readers.push({ version, resolve, reject })
    })
  }

  /** Ends the copy: it cannot be read any more. */
  async close(): Promise<void> {
    await this.#watch.return()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #keep(): Promise<void> {
    let end = new Error(`the copy of '${this.name}' is closed`)
    try {
      for await (const event of this.#watch) this.#take(event)
    } catch (error) {
      end = error as Error
    }
    this.#end = end
    for (const { reject } of this.#readers.splice(0)) reject(end)
  }

  #take(event: WatchEvent): void {
    if (event.type === 'lagged') return
    if (event.type === 'listed') {
      this.#listed.set((event.key ?? event.id) as RecordId, event.newValue)
      return
    }
    if (event.type === 'ready') {
      this.#contents = this.#listed
      this.#listed = new Map()
    } else if (!follow(this.#contents, event)) return
    this.#version = event.version
    const come = this.#readers.filter(({ version }) => version <= event.version)
    if (come.length === 0) return
    this.#readers = this.#readers.filter(({ version }) => version > event.version)
    for (const { resolve } of come) resolve()
  }

  #check(): void {
    if (this.#end !== undefined) throw this.#end
  }
}
