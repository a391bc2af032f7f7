// A histogram of fixed buckets that costs a few nanoseconds to observe and travels between threads as plain data.

/** Counts by bucket (the last one is unbounded, so there is one count more than bounds), and the sum of all values. */
export interface HistogramSnapshot {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly sum: number
}

/** One of several histograms of the same sort. */
export interface NamedHistogram {
  readonly name: string
  readonly histogram: HistogramSnapshot
}

export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0
  #max = 0

  /** `bounds` ascend; a value belongs to the first bucket whose bound it does not pass. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  /** `count` times the same value. */
  observe(value: number, count = 1): void {
    let bucket = 0
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] as number) + count
    this.#sum += value * count
    if (value > this.#max) this.#max = value
  }

  /** Observes how many seconds something took. */
  time<Result>(run: () => Result): Result {
    const startedAt = performance.now()
    const result = run()
    this.observe((performance.now() - startedAt) / 1000)
    return result
  }

  /** The largest value so far, 0 before the first. */
  get max(): number {
    return this.#max
  }

  snapshot(): HistogramSnapshot {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum }
  }
}

/** Seconds, from ten microseconds to ten seconds. */
export const durationBounds = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
  5, 10,
]

/** Seconds that somebody waits on purpose: from a millisecond to an hour. */
export const waitBounds = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600]

/** Things in a batch. */
export const countBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]
