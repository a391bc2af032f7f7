// Counts commands by name and outcome: one map a command, so that counting neither builds a key nor allocates.

export interface OutcomeCount {
  readonly command: string
  /** `ok`, or the code of the refusal. */
  readonly outcome: string
  readonly count: number
}

export class OutcomeCounts {
  readonly #commands = new Map<string, Map<string, number>>()

  add(command: string, outcome: string, count = 1): void {
    let outcomes = this.#commands.get(command)
    if (outcomes === undefined) {
      outcomes = new Map()
      this.#commands.set(command, outcomes)
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count)
  }

  list(): OutcomeCount[] {
    return [...this.#commands].flatMap(([command, outcomes]) =>
      [...outcomes].map(([outcome, count]) => ({ command, outcome, count })),
    )
  }
}
