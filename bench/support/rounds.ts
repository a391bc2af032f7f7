// Rounds in which everything that is compared has its turn, one right after the other, so that what else happens on the
// machine happens to all of them. What counts are medians, and the ratio within a round.

export interface Sample {
  readonly perSecond: number
  /** Microseconds of processor time for each command, of the process that asks and of the one that answers. */
  readonly clientMicros: number | undefined
  readonly serverMicros: number | undefined
}

export interface Contestant {
  readonly name: string
  /** Works for about so many seconds. */
  run(seconds: number): Promise<Sample>
}

/** What a contestant came to, round by round. */
export interface Side {
  readonly name: string
  readonly samples: readonly Sample[]
}

export interface Effort {
  readonly rounds: number
  /** How long each contestant works in a round. */
  readonly seconds: number
}

/** Lets all work in rounds, after one that does not count. Every second round goes the other way round. */
export async function inTurns(contestants: readonly Contestant[], { rounds, seconds }: Effort): Promise<Side[]> {
  const samples: Sample[][] = contestants.map(() => [])
  for (const contestant of contestants) await contestant.run(seconds)
  for (let round = 0; round < rounds; round += 1) {
    const order = [...contestants.entries()]
    if (round % 2 === 1) order.reverse()
    for (const [index, contestant] of order) samples[index]?.push(await contestant.run(seconds))
  }
  return contestants.map(({ name }, index) => ({ name, samples: samples[index] ?? [] }))
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN
  const high = sorted[Math.floor(middle)] ?? Number.NaN
  return { median: (low + high) / 2, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

export function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : spreadOf(known).median
}
