// Opens the journal that a shard is to have, and shows in shared memory what it does: whether it is inside the database,
// where its thread must not be ended, and how far it has read. Called once in each life of a shard, in its own thread.
import type { Storage } from '../base/durability.ts'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import { databaseState, progressSlot } from '../protocol/mailbox.ts'
import { databaseFile } from './folder.ts'
import type { Journal } from './journal.ts'
import { MemoryJournal } from './memory.ts'
import { SqliteJournal } from './sqlite.ts'

export interface JournalPlace {
  readonly shard: number
  /** Undefined for a shard that keeps nothing. */
  readonly storage: Storage | undefined
  readonly limits: Limits
  /** See `progressSlot`. */
  readonly progress: Int32Array
  readonly log: Log
}

export function openJournal({ shard, storage, limits, progress, log }: JournalPlace): Journal {
  if (storage === undefined) return new MemoryJournal()
  return new SqliteJournal({
    file: databaseFile(storage.folder, shard),
    durability: storage.durability,
    changesLoggedMax: limits.changesLoggedPerShardMax,
    changeLogBytesMax: limits.changeLogBytesPerShardMax,
    reserveBytes: limits.reserveBytesPerShard,
    onFull: (isFull) => {
      if (isFull)
        log.warn(
          { event: 'storage_full', shard },
          'the disk is full: until there is space, only reads and what frees space are admitted',
        )
      else log.info({ event: 'storage_has_space', shard }, 'there is space on the disk again: writes are admitted')
    },
    onCall: (isInside) => (isInside ? enter(progress) : leave(progress)),
    onProgress: (rows) => {
      Atomics.store(progress, progressSlot.rowsRead, rows)
      Atomics.add(progress, progressSlot.steps, 1)
    },
  })
}

function enter(progress: Int32Array): void {
  const { outside, inside, barred } = databaseState
  const found = Atomics.compareExchange(progress, progressSlot.database, outside, inside)
  // This thread is being ended, and must not be inside when that happens.
  if (found === barred) Atomics.wait(progress, progressSlot.database, barred)
}

function leave(progress: Int32Array): void {
  Atomics.store(progress, progressSlot.database, databaseState.outside)
}
