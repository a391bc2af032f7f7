// How much of a client its watches may take, however many they are, so that there is room for its other calls. Owned by a client
// or an engine. Some may have a question on its way that the server keeps back until something happens: each takes a place
// among the client's messages in flight, and one among those who wait in a shard; the others ask again and again. And so many
// read at a time: ten thousand reads that are made at once would run out of time in their queue, and be made anew for ever.
import { Queue } from '../base/queue.ts'

/** A fifth of what a client may have in flight, and of what may wait in a shard. */
const waitsDefault = 2_000
/** As many as a message holds commands. */
const readsDefault = 1_000

export class WatchPlaces {
  #waitsLeft: number
  #readsLeft = readsDefault
  readonly #readers = new Queue<() => void>()

  constructor(waits = waitsDefault) {
    this.#waitsLeft = waits
  }

  /** Takes a place to wait; false if none is left. */
  takeWait(): boolean {
    if (this.#waitsLeft === 0) return false
    this.#waitsLeft -= 1
    return true
  }

  giveBackWait(): void {
    this.#waitsLeft += 1
  }

  /** Reads when it is its turn. */
  async read<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.#readsLeft === 0) await new Promise<void>((resolve) => this.#readers.push(resolve))
    else this.#readsLeft -= 1
    try {
      return await action()
    } finally {
      const next = this.#readers.shift()
      if (next === undefined) this.#readsLeft += 1
      else next()
    }
  }
}
