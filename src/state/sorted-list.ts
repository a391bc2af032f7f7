// An ordered set in chunks: inserting or removing shifts one short chunk, never the whole list, so no operation grows
// into a pause. It backs everything that is listed in order and paged. Owned by one shard.
// Invariant: no chunk is empty, and read one after another they hold the items ascending, none twice.

// Small enough that shifting a chunk costs well under a microsecond, large enough that the list of chunks itself stays
// short: about 2,000 to 4,000 for a million items.
const chunkLengthMax = 512

/** A place between items: the next one is `chunks[chunk][index]`, or there is none. */
interface Place {
  readonly chunk: number
  readonly index: number
}

/**
 * `Probe` is the part of an item that the order looks at, so that a place can be sought without making an item.
 * `compare` answers negative, zero or positive, as usual.
 */
export class SortedList<Item extends Probe, Probe = Item> {
  readonly #compare: (a: Probe, b: Probe) => number
  readonly #chunks: Item[][] = []
  #size = 0
  // Counts insertions and deletions, so that a suspended iterator notices that its place is no longer good.
  #edits = 0

  constructor(compare: (a: Probe, b: Probe) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#size
  }

  get last(): Item | undefined {
    return this.#chunks.at(-1)?.at(-1)
  }

  has(probe: Probe): boolean {
    return this.#isAt(this.#seek(probe, false), probe)
  }

  /** Returns false, and changes nothing, if an equal item was there already. */
  add(item: Item): boolean {
    const { last } = this
    if (last === undefined || this.#compare(last, item) < 0) {
      this.#append(item)
      return true
    }
    const place = this.#seek(item, false)
    if (this.#isAt(place, item)) return false
    const chunk = this.#chunks[place.chunk] as Item[]
    if (chunk.length < chunkLengthMax) {
      chunk.splice(place.index, 0, item)
    } else {
      const upper = chunk.splice(chunkLengthMax / 2)
      this.#chunks.splice(place.chunk + 1, 0, upper)
      if (place.index <= chunk.length) chunk.splice(place.index, 0, item)
      else upper.splice(place.index - chunk.length, 0, item)
    }
    this.#size += 1
    this.#edits += 1
    return true
  }

  /** Returns false if there was no such item. */
  delete(probe: Probe): boolean {
    const place = this.#seek(probe, false)
    if (!this.#isAt(place, probe)) return false
    const chunk = this.#chunks[place.chunk] as Item[]
    if (chunk.length === 1) this.#chunks.splice(place.chunk, 1)
    else chunk.splice(place.index, 1)
    this.#size -= 1
    this.#edits += 1
    return true
  }

  /** The items that are at least `probe`, ascending; all of them without a probe. */
  atLeast(probe?: Probe): Generator<Item, void, void> {
    return this.#from(probe === undefined ? { chunk: 0, index: 0 } : this.#seek(probe, false))
  }

  /** The items greater than `probe`, ascending. */
  after(probe: Probe): Generator<Item, void, void> {
    return this.#from(this.#seek(probe, true))
  }

  /**
   * The list may change between two steps: the iterator then goes on behind the last item it gave, so none comes twice
   * and none that stays is missed.
   */
  *#from(start: Place): Generator<Item, void, void> {
    let place = start
    for (;;) {
      const item = this.#chunks[place.chunk]?.[place.index]
      if (item === undefined) return
      const edits = this.#edits
      yield item
      place = edits === this.#edits ? this.#next(place) : this.#seek(item, true)
    }
  }

  /** Splits nothing, so that items which come in order leave full chunks. */
  #append(item: Item): void {
    const chunk = this.#chunks.at(-1)
    if (chunk !== undefined && chunk.length < chunkLengthMax) chunk.push(item)
    else this.#chunks.push([item])
    this.#size += 1
    this.#edits += 1
  }

  #isAt(place: Place, probe: Probe): boolean {
    const item = this.#chunks[place.chunk]?.[place.index]
    return item !== undefined && this.#compare(item, probe) === 0
  }

  #next({ chunk, index }: Place): Place {
    const length = this.#chunks[chunk]?.length ?? 0
    return index + 1 < length ? { chunk, index: index + 1 } : { chunk: chunk + 1, index: 0 }
  }

  /** The place of the first item that is at least `probe`, or greater than it if `beyond`. */
  #seek(probe: Probe, beyond: boolean): Place {
    const bound = beyond ? 1 : 0
    const chunk = partitionPoint(this.#chunks, (items) => this.#compare(items.at(-1) as Item, probe) < bound)
    return { chunk, index: partitionPoint(this.#chunks[chunk] ?? [], (item) => this.#compare(item, probe) < bound) }
  }
}

/** How many items at the head of the list satisfy `isBefore`, which no item behind them does. */
function partitionPoint<Item>(list: readonly Item[], isBefore: (item: Item) => boolean): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(list[middle] as Item)) low = middle + 1
    else high = middle
  }
  return low
}
