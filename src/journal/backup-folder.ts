// The folder that holds backups, each a whole data folder under its name. Owned by the engine's own thread; the shards write
// their copies into the folder of the one that is being made.
// Invariant: a name that begins with a dot is no backup. What grows has such a name, another one each time and with the id of
// the data in it, and takes its own in one step once all of it is on the disk.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Refusal, refusal } from '../protocol/errors.ts'
import { syncFile } from './exchange.ts'
import { databaseFile, describeCopy, type Folder } from './folder.ts'
import { roomBeside } from './reserve.ts'

/** A copy that just fits would leave nothing to the daemon. */
const roomLeftBytes = 16 * 1024 * 1024

export class BackupFolder {
  readonly #path: string
  readonly #data: Folder
  #begun = 0
  /** What is being made; a shard that died may still write into an earlier one. */
  #growing = ''

  constructor(path: string, data: Folder) {
    this.#path = resolve(path)
    this.#data = data
  }

  begin(name: string): { readonly folder: string } | Refusal {
    return attempt(() => {
      if (existsSync(join(this.#path, name))) return refusal('BACKUP_EXISTS', { name })
      mkdirSync(this.#path, { recursive: true, mode: 0o700 })
      // Of a process that was killed.
      const prefix = `.growing-${this.#data.id}-`
      for (const left of readdirSync(this.#path).filter((each) => each.startsWith(prefix))) {
        rmSync(join(this.#path, left), { recursive: true, force: true })
      }
      this.#begun += 1
      this.#growing = join(this.#path, `${prefix}${process.pid}-${this.#begun}`)
      if (roomBeside(this.#growing) < this.#bytes() + roomLeftBytes) return refusal('STORAGE_FULL', {})
      mkdirSync(this.#growing, { mode: 0o700 })
      return { folder: this.#growing }
    })
  }

  finish(name: string): { readonly path: string } | Refusal {
    return attempt(() => {
      const path = join(this.#path, name)
      describeCopy(this.#growing, this.#data.shards)
      const names = readdirSync(this.#growing)
      if (names.length !== 2 * this.#data.shards + 1) throw new Error(`there is ${names.join(', ')} in a backup`)
      syncFile(this.#growing)
      // Somebody else may have made it meanwhile, and an empty folder would be replaced.
      if (existsSync(path)) return refusal('BACKUP_EXISTS', { name })
      renameSync(this.#growing, path)
      syncFile(this.#path)
      return { path }
    })
  }

  abandon(): void {
    attempt(() => {
      const abandoned = `${this.#growing}-abandoned`
      // From one moment to the next it is there no more for those who look whether it is.
      if (this.#growing !== '' && existsSync(this.#growing)) renameSync(this.#growing, abandoned)
      rmSync(abandoned, { recursive: true, force: true })
      return undefined
    })
  }

  /** About what the copies will take. */
  #bytes(): number {
    const { path, shards } = this.#data
    const files = Array.from({ length: shards }, (_, shard) => databaseFile(path, shard))
    return files
      .flatMap((file) => [file, `${file}-wal`])
      .reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0)
  }
}

function attempt<Result>(action: () => Result): Result | Refusal {
  try {
    return action()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') return refusal('STORAGE_FULL', {})
    return refusal('STORAGE_FAILED', { reason: message })
  }
}
