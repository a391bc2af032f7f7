// Watches in tests: their events in a short form, and a copy of a state that is kept by nothing but what a watch tells.
import { ok, strictEqual } from 'node:assert/strict'
import type { ChangeEvent, WatchEvent } from '../../src/client/watch-events.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { eventually } from './eventually.ts'
import { Replica } from './replica.ts'

/** `created 1`, `ready @7`: what happened and to what, or at which version. */
export function shortly(event: WatchEvent): string {
  const name = 'key' in event || 'id' in event ? (event.key ?? event.id) : undefined
  return `${event.type} ${name === undefined ? `@${event.version}` : String(name)}`
}

/** The next events of a watch. */
export async function take(watch: AsyncIterator<WatchEvent, void>, count: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = []
  while (events.length < count) {
    const { done, value } = await watch.next()
    if (done === true) throw new Error(`the watch ended after ${events.map(shortly).join(', ')}`)
    events.push(value)
  }
  return events
}

/** The next events of a watch, shortly. */
export async function told(watch: AsyncIterator<WatchEvent, void>, count: number): Promise<string[]> {
  return (await take(watch, count)).map(shortly)
}

/** A change in its documented form. */
export function documented({ oldValue, newValue, at: _, ...rest }: ChangeEvent): JsonObject {
  return {
    ...rest,
    ...(oldValue !== undefined && { old_value: oldValue }),
    ...(newValue !== undefined && { new_value: newValue }),
  }
}

/** Follows a watch, from its beginning; fails on the first event that does not follow the one before. */
export class Follower {
  replica: Replica | undefined
  events = 0
  lagged = 0
  listings = 0
  readonly over: Promise<void>
  #listed = new Map<string, JsonValue>()
  #failure: Error | undefined

  constructor(watch: AsyncIterable<WatchEvent>, onEvent: () => Promise<void> | void = () => {}) {
    this.over = this.#follow(watch, onEvent).catch((error: unknown) => {
      this.#failure = error instanceof Error ? error : new Error(String(error))
    })
  }

  get version(): number {
    return this.replica?.version ?? -2
  }

  /** Waits until it has come to a version. */
  async reaches(version: number, deadlineMs?: number): Promise<void> {
    await eventually(
      `a watch at ${this.version} comes to ${version}`,
      () => this.#failure !== undefined || (this.version >= version && this.replica?.isStale === false),
      deadlineMs,
    )
    if (this.#failure !== undefined) throw this.#failure
    strictEqual(this.version, version)
  }

  async #follow(watch: AsyncIterable<WatchEvent>, onEvent: () => Promise<void> | void): Promise<void> {
    for await (const event of watch) {
      this.#take(event)
      await onEvent()
    }
  }

  #take(event: WatchEvent): void {
    this.events += 1
    switch (event.type) {
      case 'lagged':
        this.lagged += 1
        this.replica = undefined
        return
      case 'listed':
        this.#listed.set(String(event.key ?? event.id), structuredClone(event.newValue))
        return
      case 'ready':
        this.listings += 1
        this.replica = new Replica(this.#listed, event.version)
        this.#listed = new Map()
        return
      default: {
        ok(this.replica !== undefined, 'no change is told before a watch is ready')
        this.replica.take(documented(event))
      }
    }
  }
}
