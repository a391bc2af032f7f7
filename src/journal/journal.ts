// The journal: where a shard's commits go, and where a restarted shard reads them back. One interface for all drivers;
// test/contract/journal.ts is the suite that each of them passes. Used by one shard, one call at a time.
import type { Durability } from '../base/durability.ts'
import type { HistogramSnapshot } from '../base/histogram.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Change, StagedRecords } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { KeptRow } from './kept-rows.ts'
import type { StoredContentRow } from './kind-rows.ts'
import type { ChunkEdit, Chunks } from './snapshot-chunks.ts'

/** Rows of a state that is restored: journalled before the change that makes them visible, and ignored without it. */
export interface StagedRows {
  readonly state: string
  readonly generation: number
  readonly rows: readonly StoredContentRow[]
}

/** What one batch changed, in the order in which it was decided. It becomes durable whole or not at all. */
export interface Commit {
  /** Rises by one with every commit of the shard. */
  readonly number: number
  /** Records that a change of a whole table brings are read when it is committed: as they stand after the batch. */
  readonly changes: readonly Change[]
  readonly staged: readonly (StagedRecords | StagedRows)[]
  /** Rows that are no state's; see kept-rows.ts. */
  readonly kept?: readonly KeptRow[]
  /** Of snapshots; see snapshot-chunks.ts. */
  readonly chunks?: readonly ChunkEdit[]
  /** Has to be on the disk before it is answered, also where others need not be. Default: false. */
  readonly isUrgent?: boolean
}

/**
 * `committed`: durable as the mode promises. `refused`: nothing reached the store, now or later, and the code says why,
 * with a reason in words where the code alone does not.
 * `unknown`: nobody can tell before the store is opened again, so the shard has to end and recover.
 */
export type CommitOutcome =
  | { readonly outcome: 'committed' }
  | { readonly outcome: 'refused'; readonly code: 'STORAGE_FULL' }
  | { readonly outcome: 'refused'; readonly code: 'STORAGE_FAILED'; readonly reason: string }
  | { readonly outcome: 'unknown'; readonly reason: string }

/** `stopped`: it was to go on no longer. In either case but the first, what there is of the copy is of no use. */
export type CopyOutcome =
  | { readonly outcome: 'copied'; readonly bytes: number }
  | { readonly outcome: 'stopped' }
  | { readonly outcome: 'refused'; readonly code: 'STORAGE_FULL' }
  | { readonly outcome: 'refused'; readonly code: 'STORAGE_FAILED'; readonly reason: string }

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

export interface Journal extends Chunks {
  readonly durability: Durability
  /**
   * True while only what frees space may be committed: the disk is full, and the journal looks by itself, now and then,
   * whether it still is. A driver without this never is.
   */
  readonly isFull?: boolean
  /** Seconds in which what was written was forced onto the disk; a driver without this never does. */
  readonly syncSeconds?: HistogramSnapshot
  /**
   * Puts what was committed into an empty directory, and answers with the number of the last commit (0 for none). Called
   * once, before the first commit. The shard goes on with this directory: at each commit it stands as the changes left
   * it, and a driver may read there what it has to store. `onKept` gets each row that is no state's. Rejects with a
   * `JournalCorrupt` if what is stored is not whole.
   */
  recover(directory: Directory, onKept?: (row: KeptRow) => void): Promise<number>
  /**
   * Hands over what is kept of the change log, a piece at a time, the oldest first; undefined where something is missing or
   * damaged, so that what came before does not lead up to what follows. Called once, after `recover`.
   */
  recall(take: (changes: readonly JsonObject[] | undefined) => void): Promise<void>
  /** Never called again before it answered. Rejects only for a bug. */
  commit(commit: Commit): Promise<CommitOutcome>
  /**
   * Copies what is committed when it is called to a new file, with its anchor, and resolves once that is on the disk; commits
   * go on meanwhile. `goesOn` is asked now and then. A driver without a disk has none.
   */
  copy?(file: string, goesOn: () => boolean): Promise<CopyOutcome>
  /** Releases the store, once nothing is copied any more. Nothing is called after it. */
  close(): Promise<void>
}
