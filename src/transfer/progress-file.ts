// How far an import has come, kept beside its file so that the same command goes on after whatever ended it. Written whole,
// onto the disk, and renamed: a reader meets the old one or the new one.
// Invariant: every line before `offset` is settled, and no row was sent under an id that is not in `reserved` first.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { Misuse } from '../base/problem.ts'
import type { Column } from './csv.ts'
import { cannot, type FileIdentity } from './files.ts'
import type { StateLine } from './format.ts'

/** What became of rows so far. */
export interface Counts {
  states: number
  records: number
  keys: number
  instances: number
  /** Rows that stood already, just as they are in the file. */
  unchanged: number
  /** Keys whose time was over before they were imported. */
  expired: number
  refused: number
}

/** What makes it the same import. */
export interface Undertaking {
  readonly file: FileIdentity
  /** Whose data it goes into. */
  readonly data_id: string
  readonly format: string
  readonly state: string | null
  readonly mode: string
  readonly delimiter: string
}

/** Ids that were reserved for the records without one that follow a line, the line with the first of them counted in. */
export type Reservation = readonly [line: number, first: number, count: number]

export interface Progress {
  readonly version: 1
  readonly undertaking: Undertaking
  readonly offset: number
  /** The number of the line at the offset. */
  readonly line: number
  /** The state whose rows stand there. */
  readonly state: StateLine | null
  /** Of a file of CSV, whose first line is not read again. */
  readonly columns: readonly Column[] | null
  readonly counts: Counts
  /** What was found in the file, to be held against its last line. */
  readonly found: Readonly<Record<string, number>>
  readonly rejected_bytes: number
  readonly reserved: readonly Reservation[]
}

export class ProgressFile {
  readonly path: string

  constructor(importedPath: string) {
    this.path = `${importedPath}.progress`
  }

  /** Undefined where there is none. Throws a `Misuse` if it is of another import. */
  load(undertaking: Undertaking): Progress | undefined {
    const progress = this.#read()
    if (progress === undefined) return undefined
    const { file, data_id: dataId, ...others } = progress.undertaking
    const { file: wantedFile, data_id: wantedData, ...wanted } = undertaking
    const reason = !isDeepStrictEqual(file, wantedFile)
      ? 'the file was changed since'
      : dataId !== wantedData
        ? 'it went to a daemon with other data'
        : isDeepStrictEqual(others, wanted)
          ? undefined
          : 'it was begun with other options'
    if (reason === undefined) return progress
    throw new Misuse(
      `there is an unfinished import in '${this.path}', and ${reason}.`,
      '--restart forgets it and begins with the first line.',
    )
  }

  #read(): Progress | undefined {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw cannot('read', this.path, error)
    }
    try {
      const progress = JSON.parse(text) as Progress
      if (progress.version === 1 && typeof progress.offset === 'number') return progress
    } catch {
      // Told below.
    }
    throw new Misuse(`'${this.path}' holds no progress of an import.`, '--restart begins with the first line.')
  }

  save(progress: Progress): void {
    const next = `${this.path}.next`
    try {
      const file = openSync(next, 'w')
      writeSync(file, JSON.stringify(progress))
      fsyncSync(file)
      closeSync(file)
      renameSync(next, this.path)
    } catch (error) {
      throw cannot('write', this.path, error)
    }
  }

  remove(): void {
    rmSync(this.path, { force: true })
    rmSync(`${this.path}.next`, { force: true })
  }
}
