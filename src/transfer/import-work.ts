// The chunks whose rows are on their way, in the order of the file. A chunk is settled once every row in it is, and every chunk
// before it: only that far has an import come, whatever was answered behind it.
import type { Chunk } from './chunks.ts'
import type { RowEntry, StateEntry, StateLine } from './format.ts'
import type { BadLine } from './parse.ts'
import type { Counts } from './progress-file.ts'
import type { RefusedRow } from './rejected-file.ts'

export const noCounts: Counts = { states: 0, records: 0, keys: 0, instances: 0, unchanged: 0, expired: 0, refused: 0 }

export function addCounts(to: Counts, more: Counts): void {
  for (const name of Object.keys(more) as (keyof Counts)[]) to[name] += more[name]
}

/** What was found in the file, whatever became of it. */
export type Found = Readonly<Record<'states' | 'records' | 'keys' | 'instances', number>>

/** Where the file stands behind a chunk. */
export interface Place {
  readonly offset: number
  readonly line: number
  readonly state: StateLine | null
  readonly found: Found
}

export class Work {
  readonly chunk: Chunk
  readonly counts: Counts = { ...noCounts }
  readonly refused: RefusedRow[] = []
  #pending = 0
  /** Present once all of the chunk was sent. */
  place: Place | undefined

  constructor(chunk: Chunk) {
    this.chunk = chunk
  }

  get isAnswered(): boolean {
    return this.#pending === 0
  }

  begin(): void {
    this.#pending += 1
  }

  end(): void {
    this.#pending -= 1
  }

  refuse(
    line: number,
    entry: RowEntry | StateEntry | BadLine,
    state: StateLine | null,
    why: { code: string; message: string },
  ): RefusedRow {
    const row = { line, code: why.code, message: why.message, entry, state }
    this.refused.push(row)
    this.counts.refused += 1
    return row
  }
}

export class InFlight {
  readonly works: Work[] = []
  #noticeChange: (() => void) | undefined

  add(chunk: Chunk): Work {
    const work = new Work(chunk)
    this.works.push(work)
    return work
  }

  /** Something was answered. */
  notice(): void {
    this.#noticeChange?.()
    this.#noticeChange = undefined
  }

  /** Takes the chunks from the head that are settled. */
  *settled(isSettled: (work: Work) => boolean): Generator<Work, void, void> {
    for (
      let first = this.works[0];
      first?.place !== undefined && first.isAnswered && isSettled(first);
      first = this.works[0]
    ) {
      this.works.shift()
      yield first
    }
  }

  /** Resolves when the condition holds, which is looked at whenever something was answered. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#noticeChange = resolve))
  }

  /** Resolves when nothing is on its way any more. */
  over(): Promise<void> {
    return this.until(() => this.works.every((work) => work.isAnswered))
  }
}
