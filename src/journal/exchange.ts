// Exchanges the database of a shard for a repaired one, so that a process that is killed at any moment leaves either the
// old files or the repaired ones. Used by the repair, and by whoever opens the folder, under the lock of the folder.
// Invariant: a file named `.repaired.db` is whole and on the disk; the exchange begins with that name and ends with it.
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { anchorFileOf } from './anchor.ts'

/** The names that a repair of this database uses. */
export function repairFilesOf(file: string) {
  const stem = file.replace(/\.db$/, '')
  return {
    /** Not whole yet: whoever finds it removes it. */
    growing: `${stem}.repairing.db`,
    finished: `${stem}.repaired.db`,
    /** Where the old files stay; `time` tells one repair from another. */
    kept: (time: string) => `${stem}.damaged-${time}.db`,
    setAside: (time: string) => `${stem}.damaged-${time}.jsonl`,
  }
}

/** Goes on with an exchange that was begun, and removes what an earlier repair has left unfinished. */
export function finishExchange(file: string): void {
  const { growing, finished } = repairFilesOf(file)
  for (const each of [growing, `${growing}-journal`, anchorFileOf(growing)]) rmSync(each, { force: true })
  if (!existsSync(finished)) return rmSync(anchorFileOf(finished), { force: true })
  if (existsSync(anchorFileOf(finished))) renameSync(anchorFileOf(finished), anchorFileOf(file))
  // What stood in it belongs to the old database, and would be taken for the new one's.
  for (const ending of ['-wal', '-shm']) rmSync(file + ending, { force: true })
  syncFolderOf(file)
  renameSync(finished, file)
  syncFolderOf(file)
}

/** From here on the files are the repaired ones, whatever happens: `growing` and its anchor are whole and on the disk. */
export function beginExchange(file: string): void {
  const { growing, finished } = repairFilesOf(file)
  renameSync(anchorFileOf(growing), anchorFileOf(finished))
  syncFolderOf(file)
  renameSync(growing, finished)
  syncFolderOf(file)
}

/** Gives the old files a second name each, under which they stay. Returns those names. */
export function keepOldFiles(file: string, time: string): string[] {
  const kept = repairFilesOf(file).kept(time)
  const names: [string, string][] = [
    [file, kept],
    [`${file}-wal`, `${kept}-wal`],
    [anchorFileOf(file), anchorFileOf(kept)],
  ]
  const there = names.filter(([from]) => existsSync(from))
  for (const [from, to] of there) {
    try {
      linkSync(from, to)
    } catch {
      // Not every file system has a second name for a file.
      copyFileSync(from, to, constants.COPYFILE_EXCL)
      syncFile(to)
    }
  }
  syncFolderOf(file)
  return there.map(([, to]) => to)
}

export function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolderOf(file: string): void {
  syncFile(dirname(file))
}
