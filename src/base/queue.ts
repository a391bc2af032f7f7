// A first-in-first-out queue whose `shift` does not move what stays: arrays of many thousands would.

/** So many spent places may an array have before they are cut off. */
const spentMax = 256

export class Queue<Item> {
  #items: (Item | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  first(): Item | undefined {
    return this.#items[this.#head]
  }

  /** The item at a place, the first at 0. */
  at(index: number): Item | undefined {
    return this.#items[this.#head + index]
  }

  /** Takes the last item. */
  pop(): Item | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items.pop()
    if (this.#head === this.#items.length) this.clear()
    return item
  }

  shift(): Item | undefined {
    if (this.#head === this.#items.length) return undefined
    const item = this.#items[this.#head]
    // The item must not be held by a queue that it has left.
    this.#items[this.#head] = undefined
    this.#head += 1
    if (this.#head === this.#items.length) this.clear()
    else if (this.#head >= spentMax && this.#head * 2 >= this.#items.length) this.#cutOff()
    return item
  }

  /** Puts items before all others. */
  unshift(items: readonly Item[]): void {
    this.#cutOff()
    this.#items = [...items, ...this.#items]
  }

  /** Removes the items that satisfy the condition; returns false if there were none. */
  remove(condition: (item: Item) => boolean): boolean {
    this.#cutOff()
    const { length } = this.#items
    this.#items = this.#items.filter((item) => !condition(item as Item))
    return this.#items.length < length
  }

  clear(): void {
    this.#items = []
    this.#head = 0
  }

  #cutOff(): void {
    this.#items = this.#items.slice(this.#head)
    this.#head = 0
  }
}
