// Ids for records that come without one. They are reserved some at a time and kept beside the progress before any of them is
// sent, so that a record that is sent again after an interruption has the id that it had.
import type { Reservation } from './progress-file.ts'

export class IdGiver {
  #reserved: Reservation[]

  constructor(reserved: readonly Reservation[]) {
    this.#reserved = [...reserved]
  }

  get reserved(): readonly Reservation[] {
    return this.#reserved
  }

  /** The first id for so many records, of which the first stands on the line. `keep` is called before it is handed out. */
  async first(line: number, count: number, reserve: () => Promise<number>, keep: () => void): Promise<number> {
    const known = this.#reserved.find(([from, , ids]) => from === line && ids === count)
    if (known !== undefined) return known[1]
    const first = await reserve()
    this.#reserved.push([line, first, count])
    keep()
    return first
  }

  /** The lines before this one are settled. */
  forgetBefore(line: number): void {
    this.#reserved = this.#reserved.filter(([from]) => from >= line)
  }
}
