// How far a long job has come, on standard error: a bar that is drawn over itself on a terminal, otherwise a line every few
// seconds. What is said meanwhile stands above the bar.

export interface MeterOptions {
  readonly output: NodeJS.WriteStream
  readonly isQuiet: boolean
  /** What is counted, such as `rows`. */
  readonly unit: string
  /** How much of the whole is done, from 0 to 1; undefined where nobody knows. */
  readonly share: () => number | undefined
  readonly now?: () => number
}

const drawGapMs = 200
const lineGapMs = 5_000
const barWidth = 24
/** The line without anything on it. */
const cleared = '\r\u001b[K'

export class Meter {
  readonly #options: MeterOptions
  readonly #gapMs: number
  readonly #now: () => number
  readonly #start: number
  #shareAtStart: number | undefined
  #toldAt: number
  #isDrawn = false
  count = 0

  constructor(options: MeterOptions) {
    const { output, now = () => performance.now() } = options
    this.#options = options
    this.#gapMs = output.isTTY ? drawGapMs : lineGapMs
    this.#now = now
    this.#start = now()
    this.#toldAt = this.#start
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (this.#now() - this.#start) / 1_000
  }

  /** Notes how many there are by now, and shows it now and then. */
  notice(count: number): void {
    this.count = count
    const { share, isQuiet, output } = this.#options
    this.#shareAtStart ??= share()
    if (isQuiet || this.#now() - this.#toldAt < this.#gapMs) return
    this.#toldAt = this.#now()
    this.#isDrawn = output.isTTY
    output.write(output.isTTY ? `${cleared}${this.#line()}` : `${this.#line()}\n`)
  }

  /** A line of its own, which is said however quiet it shall be. */
  say(text: string): void {
    this.end()
    this.#options.output.write(`${text}\n`)
  }

  /** Takes the bar away. */
  end(): void {
    if (this.#isDrawn) this.#options.output.write(cleared)
    this.#isDrawn = false
  }

  #line(): string {
    const { unit, share } = this.#options
    const rate = Math.round(this.count / Math.max(this.seconds, 0.001))
    const counted = `${grouped(this.count)} ${unit}  ${grouped(rate)}/s`
    const done = share()
    if (done === undefined) return counted
    const filled = Math.round(done * barWidth)
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}] ${String(Math.floor(done * 100)).padStart(3)}%`
    const since = done - (this.#shareAtStart ?? 0)
    const left = since > 0 ? `  ${clock((this.seconds * (1 - done)) / since)} left` : ''
    return `${bar}  ${counted}${left}`
  }
}

export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** Such as `1 record and 2,000 keys`; of those there are none of nothing is said, unless there is nothing at all. */
export function shownCounts(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${grouped(count)} ${name}${count === 1 ? '' : 's'}`)
  if (words.length === 0) return 'nothing'
  return [words.slice(0, -1).join(', '), words.at(-1)].filter((part) => part !== '').join(' and ')
}

function clock(seconds: number): string {
  const whole = Math.round(seconds)
  const minutes = Math.floor(whole / 60) % 60
  const rest = String(whole % 60).padStart(2, '0')
  return whole < 3_600
    ? `${minutes}:${rest}`
    : `${Math.floor(whole / 3_600)}:${String(minutes).padStart(2, '0')}:${rest}`
}
