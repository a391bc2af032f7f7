// Exchanges all databases of a folder, and its description, for others, so that a process that is killed at any moment
// leaves either all of the old ones or all of the new ones. Used under the lock of the folder, by repartition.ts, and by
// whoever opens the folder.
// Invariant: a folder named `.done` holds a whole set that is on the disk. With that name the exchange begins, and nothing
// of the old set is touched before; with the last file of `.moving` it ends, and no old file is left by then.
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { syncFile } from './exchange.ts'

/** Within the folder: where the new set grows, is whole, and is moved into place from. */
const growingName = 'repartition.growing'
const doneName = 'repartition.done'
const movingName = 'repartition.moving'
/** Stands for the description while files of both sets may be there: no version of this program opens such a folder. */
const noticeName = 'under-way.json'

/** What belongs to the databases of a set. What a repair has kept beside them does not. */
const filesOfSet = /^shard-\d+\.(?:db|db-wal|db-shm|db-journal|anchor|reserve)$/

export type ExchangeStep = 'begun' | 'description away' | 'old files gone' | 'moving' | 'moved' | 'done'

/** Where, in the folder, a new set grows. */
export function growingSet(folder: string): string {
  return join(folder, growingName)
}

/** Begins a new set, with nothing in it. */
export function beginSet(folder: string): string {
  abandonSet(folder)
  mkdirSync(growingSet(folder), { mode: 0o700 })
  return growingSet(folder)
}

export function abandonSet(folder: string): void {
  rmSync(growingSet(folder), { recursive: true, force: true })
}

/** From here on the folder is the new set's, whatever happens: the set is whole, and every file of it is on the disk. */
export function beginFolderExchange(folder: string, writeNotice: (file: string) => void): void {
  const growing = growingSet(folder)
  writeNotice(join(growing, noticeName))
  syncFile(growing)
  renameSync(growing, join(folder, doneName))
  syncFile(folder)
}

/** Goes on with an exchange that was begun, and removes what was never finished. `description` is moved last. */
export function finishFolderExchange(
  folder: string,
  description: string,
  onStep: (step: ExchangeStep) => void = () => {},
): void {
  abandonSet(folder)
  const [done, moving] = [join(folder, doneName), join(folder, movingName)]
  if (existsSync(done)) {
    onStep('begun')
    // Renamed rather than written, as the disk may be full by now.
    if (existsSync(join(done, noticeName))) renameSync(join(done, noticeName), join(folder, description))
    syncFile(folder)
    onStep('description away')
    for (const name of readdirSync(folder)) if (filesOfSet.test(name)) rmSync(join(folder, name))
    syncFile(folder)
    onStep('old files gone')
    renameSync(done, moving)
    syncFile(folder)
  }
  if (!existsSync(moving)) return
  onStep('moving')
  const names = readdirSync(moving)
  const last = names.filter((name) => name === description)
  for (const name of [...names.filter((each) => each !== description), ...last]) {
    renameSync(join(moving, name), join(folder, name))
    syncFile(folder)
    onStep('moved')
  }
  rmdirSync(moving)
  syncFile(folder)
  onStep('done')
}
