// The journal: where a shard's commits go, and where a restarted shard reads them back. One interface for all drivers;
// test/contract/journal.ts is the suite that each of them passes. Used by one shard, one call at a time.
import type { Durability } from '../base/durability.ts'
import type { ErrorCode } from '../protocol/errors.ts'
import type { JsonValue } from '../protocol/value.ts'
import type { Change, StagedRecords } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'

/** What one batch changed, in the order in which it was decided. It becomes durable whole or not at all. */
export interface Commit {
  /** Rises by one with every commit of the shard. */
  readonly number: number
  /** Records that a change of a whole table brings are read when it is committed: as they stand after the batch. */
  readonly changes: readonly Change[]
  readonly staged: readonly StagedRecords[]
  /** What else the shard has to know after a restart; undefined for nothing. */
  readonly marks?: readonly MarkEdit[]
  /** Whether this has to be on the disk when the commit returns, in relaxed mode too. */
  readonly isSecured?: boolean
}

/** A note of the shard to itself, besides its states: a transaction that is prepared, or decided. */
export interface Mark {
  readonly table: (typeof markTables)[number]
  /** A name on this shard, by which it could be moved. */
  readonly routingKey: string
  readonly key: string
  readonly value: JsonValue
}

/** A mark to be written, or with an undefined value to be removed. */
export type MarkEdit = Omit<Mark, 'value'> & { readonly value: JsonValue | undefined }

export const markTables = ['decided', 'prepared'] as const

/**
 * `committed`: durable as the mode promises. `refused`: nothing reached the store, now or later, and the code says why.
 * `unknown`: nobody can tell before the store is opened again, so the shard has to end and recover.
 */
export type CommitOutcome =
  | { readonly outcome: 'committed' }
  | { readonly outcome: 'refused'; readonly code: Extract<ErrorCode, 'STORAGE_FULL'> }
  | { readonly outcome: 'unknown'; readonly reason: string }

/** What is stored is damaged or not all there: it must not be served. Nothing of it was changed. */
export class JournalCorrupt extends Error {
  override readonly name = 'JournalCorrupt'
  /** What is lost, as far as it can be told. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the journal is damaged: ${problems.join('; ')}`)
    this.problems = problems
  }
}

export interface Journal {
  readonly durability: Durability
  /**
   * Puts what was committed into an empty directory, and answers with the number of the last commit (0 for none). Called
   * once, before the first commit. The shard goes on with this directory: at each commit it stands as the changes left
   * it, and a driver may read there what it has to store. `onMark` gets the marks that stand. Rejects with a
   * `JournalCorrupt` if what is stored is not whole.
   */
  recover(directory: Directory, onMark?: (mark: Mark) => void): Promise<number>
  /** Never called again before it answered. Rejects only for a bug. */
  commit(commit: Commit): Promise<CommitOutcome>
  /** Releases the store. Nothing is called after it. */
  close(): Promise<void>
}
