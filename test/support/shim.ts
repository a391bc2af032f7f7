// Disks that fail on demand: compiles fault-shim.c, and gives orders to a program that was started with it.
import { spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

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

  /** Orders are left in the folder, which has to outlive the program. */
  constructor(compilerCommand: string, folder: string) {
    this.#order = join(folder, 'fault-order')
    this.environment = { LD_PRELOAD: compiledShim(compilerCommand), FAULT_ORDER: this.#order }
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

/** Kept in the folder for temporary files, under a name that changes with the source. */
function compiledShim(compilerCommand: string): string {
  const source = join(process.cwd(), 'test', 'support', 'fault-shim.c')
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const library = join(tmpdir(), `holdfast-fault-shim-${hash}.so`)
  if (existsSync(library)) return library
  const made = `${library}.${randomUUID()}`
  const { status, stderr } = spawnSync(
    compilerCommand,
    ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror', '-o', made, source, '-ldl', '-lpthread'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`the shim does not compile: ${stderr}`)
  renameSync(made, library)
  return library
}
