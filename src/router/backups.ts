// Backups of everything while it is served: at the moment of a cut every shard begins to copy what it has committed, and when
// all have done so the copies become one folder under their name. One at a time. Called by the router.
// Invariant: under its name a backup is whole and on the disk; what is not finished is never found there.
import type { Log } from '../base/log.ts'
import type { CutBody } from '../protocol/cut.ts'
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import type { BackupStatistics } from '../protocol/statistics.ts'
import type { JsonObject } from '../protocol/value.ts'

/** Where backups are kept. None of these throws. */
export interface BackupStore {
  /** Makes the folder that the copies of the shards go to. */
  begin(name: string): { readonly folder: string } | Refusal
  /** Makes a backup of what was begun. Answers with its path. */
  finish(name: string): { readonly path: string } | Refusal
  /** Takes away what was begun, from those who still copy too. */
  abandon(): void
}

export interface BackupsOptions {
  /** Undefined where nothing is kept. */
  readonly store: BackupStore | undefined
  readonly take: (body: CutBody) => Promise<readonly JsonObject[] | Refusal>
  readonly log: Log
}

export class Backups {
  readonly #options: BackupsOptions
  #running: string | undefined
  #isStopping = false
  readonly #statistics = { at: 0, seconds: 0, bytes: 0, failures: 0 }

  constructor(options: BackupsOptions) {
    this.#options = options
  }

  statistics(): BackupStatistics {
    return { ...this.#statistics }
  }

  /** Makes a backup under a name that was checked, and resolves to the reply. */
  async make(name: string): Promise<JsonObject> {
    const { store, log } = this.#options
    if (store === undefined)
      return refusalReply(refusal('UNSUPPORTED', { what: 'a backup of what is kept in memory only' }))
    if (this.#running !== undefined) {
      return refusalReply(refusal('OVERLOADED', { what: `the backup '${this.#running}' is being made` }))
    }
    this.#running = name
    try {
      const made = await this.#make(name, store)
      if (made.status === 'ok') log.info({ event: 'backup_made', backup: made }, 'a backup is made')
      else {
        store.abandon()
        this.#statistics.failures += 1
        log.warn(
          { event: 'backup_failed', backup: name, code: made.code, reason: made.message },
          'a backup could not be made',
        )
      }
      return made
    } finally {
      this.#running = undefined
    }
  }

  /** Gives up what is being made: the daemon stops. */
  stop(): void {
    this.#isStopping = true
    if (this.#running !== undefined) this.#options.store?.abandon()
  }

  async #make(name: string, store: BackupStore): Promise<JsonObject> {
    const begun = store.begin(name)
    if ('code' in begun) return refusalReply(begun)
    const at = Date.now() / 1_000
    const startedAt = performance.now()
    const copies = await this.#options.take({ cut: 'backup', folder: begun.folder })
    if (this.#isStopping) return refusalReply(refusal('SHUTTING_DOWN', {}))
    if ('code' in copies) return refusalReply(copies)
    const failed = copies.findIndex(({ status }) => status !== 'ok')
    // Whatever became of the copy of a shard that died: no backup is made of it.
    if (copies[failed]?.code === 'OUTCOME_UNKNOWN') return refusalReply(refusal('SHARD_RECOVERING', { shard: failed }))
    if (failed >= 0) return copies[failed] as JsonObject
    const finished = store.finish(name)
    if ('code' in finished) return refusalReply(finished)
    const bytes = copies.reduce((sum, copy) => sum + Number(copy.bytes), 0)
    const seconds = Math.round(performance.now() - startedAt) / 1_000
    Object.assign(this.#statistics, { at, seconds, bytes })
    return { status: 'ok', name, path: finished.path, at, seconds, bytes, shards: copies.length }
  }
}
