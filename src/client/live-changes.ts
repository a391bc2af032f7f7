// What the feed has said of one state, until its watch takes it. Nothing here can be missed for good: what is not here, or was
// dropped, is seen by the versions, and asked for.
// Invariant: it holds a bounded number of changes, however slow its reader is.
import { Queue } from '../base/queue.ts'
import type { ChangeEvent } from './watch-events.ts'

/** What one message said: all changes from the one version to the other. */
export interface FeedPage {
  readonly first: number
  readonly last: number
  readonly changes: readonly ChangeEvent[]
}

/** A reader that is behind by more asks the server when it comes to it, which keeps more than this. */
const changesHeldMax = 2_048
/** The feed says where a state stands every second: one that is silent for so long does not work. */
const silenceMsMax = 3_000

export class LiveChanges {
  readonly #pages = new Queue<FeedPage>()
  #changes = 0
  #latest = -1
  #heardAt = performance.now()
  #wake = (): void => {}

  /** The highest version that was heard of. */
  get latest(): number {
    return this.#latest
  }

  /** Whether the feed works, as far as can be known: one that was just subscribed to has some time to show it. */
  get isHeard(): boolean {
    return performance.now() - this.#heardAt < silenceMsMax
  }

  takePage(page: FeedPage): void {
    this.takePosition(page.last)
    if (this.#changes + page.changes.length > changesHeldMax) {
      this.#pages.clear()
      this.#changes = 0
    }
    if (page.changes.length > changesHeldMax) return
    this.#pages.push(page)
    this.#changes += page.changes.length
  }

  takePosition(version: number): void {
    this.#heardAt = performance.now()
    this.#latest = version
    this.#wake()
  }

  /** The changes that follow a version, if they are here. What came before it is dropped. */
  after(version: number): FeedPage | undefined {
    for (let page = this.#pages.first(); page !== undefined; page = this.#pages.first()) {
      if (page.first > version + 1) return undefined
      this.#pages.shift()
      this.#changes -= page.changes.length
      if (page.last <= version) continue
      if (page.first === version + 1) return page
      const changes = page.changes.filter((change) => change.version > version)
      return { first: version + 1, last: page.last, changes }
    }
    return undefined
  }

  /** Resolves when something was heard, or was not for too long. */
  something(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve))
  }

  /** Has whoever waits look around. */
  wake(): void {
    this.#wake()
  }
}
