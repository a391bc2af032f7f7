// Counts how often a daemon forces something to the disk (fsync, fdatasync), by the shim of the power-cut campaign, which
// is loaded before the C library. Needs gcc.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compiler, compileShim } from '../../test/support/shim.ts'

const counterBytes = 8

export class BarrierCounter {
  /** For the process that is to be counted. */
  readonly environment: Readonly<Record<string, string>>
  readonly #folder: string
  readonly #counter: string

  private constructor(folder: string) {
    this.#folder = folder
    this.#counter = join(folder, 'counter')
    writeFileSync(this.#counter, Buffer.alloc(counterBytes))
    this.environment = { LD_PRELOAD: compileShim('test/soak/power-shim.c', folder), POWER_COUNT: this.#counter }
  }

  /** Undefined where nothing can be compiled. */
  static open(): BarrierCounter | undefined {
    return compiler() === undefined ? undefined : new BarrierCounter(mkdtempSync(join(tmpdir(), 'bench-barriers-')))
  }

  /** So far, by all threads. */
  read(): number {
    return Number(readFileSync(this.#counter).readBigUInt64LE())
  }

  async end(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
