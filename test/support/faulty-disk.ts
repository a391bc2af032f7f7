// A disk that fails on demand, and the orders given to it, for a program that is started with its environment.
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileShim } from './shim.ts'

/** What fails: the next `times` calls, after so many that pass, to files whose path contains `part`. */
export interface DiskFault {
  readonly call: 'fsync' | 'write'
  readonly part: string
  readonly skipped?: number
  readonly times: number
  readonly error: 'EIO' | 'ENOSPC'
}

export class FaultyDisk {
  readonly environment: Readonly<Record<string, string>>
  readonly #order: string
  #orders = 0

  /** The library and the orders are left in the folder, which has to outlive the program. */
  constructor(folder: string) {
    this.#order = join(folder, 'fault-order')
    this.environment = { LD_PRELOAD: compileShim('test/support/fault-shim.c', folder), FAULT_ORDER: this.#order }
    this.heal()
  }

  fail({ call, part, skipped = 0, times, error }: DiskFault): void {
    // Told apart from the same order given before.
    this.#orders += 1
    this.#give(`${call} ${part} ${skipped} ${times} ${error} ${this.#orders}\n`)
  }

  heal(): void {
    this.#give('off\n')
  }

  /** In one piece, as the program may look at any moment. */
  #give(order: string): void {
    writeFileSync(`${this.#order}.new`, order)
    renameSync(`${this.#order}.new`, this.#order)
  }
}
