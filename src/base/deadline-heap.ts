// What is due first. An indexed binary heap: an entry knows its place, so that one that is refreshed or taken out leaves
// nothing stale behind, however often that happens. Whoever adds an item keeps its entry.
// Invariant: no entry is due before its parent, the one at half its place, and each stands at the place that it names.

export interface DeadlineEntry<Item> {
  readonly item: Item
  /** On whichever clock the owner of the heap goes by. Changed by the heap only. */
  at: number
  place: number
}

export class DeadlineHeap<Item> {
  readonly #entries: DeadlineEntry<Item>[] = []

  get size(): number {
    return this.#entries.length
  }

  first(): DeadlineEntry<Item> | undefined {
    return this.#entries[0]
  }

  /**
   * Has `item` stand in the heap at `at`, or not at all if that is null; `entry` is where it stands now. Returns the entry
   * to be kept.
   */
  set(entry: DeadlineEntry<Item> | undefined, item: Item, at: number | null): DeadlineEntry<Item> | undefined {
    if (at === null) {
      if (entry !== undefined) this.#remove(entry)
      return undefined
    }
    if (entry === undefined) return this.#add(item, at)
    if (entry.at === at) return entry
    entry.at = at
    this.#sink(this.#rise(entry))
    return entry
  }

  #add(item: Item, at: number): DeadlineEntry<Item> {
    const entry = { item, at, place: this.#entries.length }
    this.#entries.push(entry)
    return this.#rise(entry)
  }

  #remove(entry: DeadlineEntry<Item>): void {
    const last = this.#entries.pop() as DeadlineEntry<Item>
    if (last === entry) return
    this.#put(last, entry.place)
    this.#sink(this.#rise(last))
  }

  #put(entry: DeadlineEntry<Item>, place: number): void {
    this.#entries[place] = entry
    entry.place = place
  }

  #rise(entry: DeadlineEntry<Item>): DeadlineEntry<Item> {
    while (entry.place > 0) {
      const place = (entry.place - 1) >> 1
      const parent = this.#entries[place] as DeadlineEntry<Item>
      if (parent.at <= entry.at) break
      this.#put(parent, entry.place)
      this.#put(entry, place)
    }
    return entry
  }

  #sink(entry: DeadlineEntry<Item>): void {
    for (;;) {
      const left = this.#entries[entry.place * 2 + 1]
      const right = this.#entries[entry.place * 2 + 2]
      if (left === undefined) return
      const child = right !== undefined && right.at < left.at ? right : left
      if (entry.at <= child.at) return
      const { place } = child
      this.#put(child, entry.place)
      this.#put(entry, place)
    }
  }
}
