// How many watches of a client may have a question on its way that the server keeps back until something happens. Each one
// takes a place among the client's messages in flight, and one among those who wait in a shard: thousands of watches without
// a feed would leave none for other calls. Owned by a client or an engine; watches that find no place ask again and again.

/** A fifth of what a client may have in flight, and of what may wait in a shard. */
const placesDefault = 2_000

export class WaitingPlaces {
  #free: number

  constructor(places = placesDefault) {
    this.#free = places
  }

  /** False if all are taken. */
  take(): boolean {
    if (this.#free === 0) return false
    this.#free -= 1
    return true
  }

  giveBack(): void {
    this.#free += 1
  }
}
