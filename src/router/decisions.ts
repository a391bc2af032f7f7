// Which transactions over several shards stand between their decision and its end, where one shard shows them and another
// does not yet. Used by transactions.ts, which says so of each, and by cuts, which hold decisions back.
// Invariant: while decisions are held back, `open` only falls, but for what a shard that begins has left over.

export class Decisions {
  #open = 0
  #holders = 0
  readonly #settledWaiters = new Set<() => void>()
  readonly #admitted = new Set<() => void>()

  /** Whether every transaction that was decided is so on all its shards. */
  get isSettled(): boolean {
    return this.#open === 0
  }

  /** Resolves once a decision may be asked for; `begin` has to follow at once. */
  async whenAdmitted(): Promise<void> {
    while (this.#holders > 0) await new Promise<void>((resolve) => this.#admitted.add(resolve))
  }

  /** From here on a decision may stand on some of its shards. Returns what to call when it stands on all. */
  begin(): () => void {
    this.#open += 1
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#open -= 1
      if (this.#open > 0) return
      for (const settled of this.#settledWaiters) settled()
      this.#settledWaiters.clear()
    }
  }

  /** Has nothing more decided. Returns how to end that. */
  holdBack(): () => void {
    this.#holders += 1
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#holders -= 1
      if (this.#holders > 0) return
      const admitted = [...this.#admitted]
      this.#admitted.clear()
      for (const go of admitted) go()
    }
  }

  /** Calls back when all that was decided stands everywhere. Returns how to give up waiting. */
  whenSettled(settled: () => void): () => void {
    if (this.isSettled) {
      settled()
      return () => {}
    }
    this.#settledWaiters.add(settled)
    return () => this.#settledWaiters.delete(settled)
  }
}
