// A first-in-first-out queue whose `shift` does not move what stays: arrays of many thousands would.

export class Queue<Item> {
  #items: Item[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  shift(): Item | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    this.#items[this.#head] = undefined as Item
    this.#head += 1
    // Half of the array is spent: moving the rest once costs less than it saves.
    if (this.#head > 1_024 && this.#head * 2 > this.#items.length) this.#compact()
    return item
  }

  /** Puts items before all others. */
  unshift(items: readonly Item[]): void {
    this.#compact()
    this.#items = [...items, ...this.#items]
  }

  /** Removes the items that satisfy the condition; returns false if there were none. */
  remove(condition: (item: Item) => boolean): boolean {
    this.#compact()
    const { length } = this.#items
    this.#items = this.#items.filter((item) => !condition(item))
    return this.#items.length < length
  }

  #compact(): void {
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
