// Repairs the database of a shard that refuses to serve: makes a new one of everything that is whole, beside the old, and
// exchanges the two. Used offline, under the lock of the folder; `holdfast check --repair` is its only user.
// Invariant: nothing is changed in the old files, and the new ones have passed the reading that a daemon does at its start.
import { writeFileSync } from 'node:fs'
import { Directory } from '../state/directory.ts'
import { anchorFileOf, readAnchor } from './anchor.ts'
import { beginExchange, finishExchange, keepOldFiles, repairFilesOf } from './exchange.ts'
import { NewDatabase } from './new-database.ts'
import { type Rebuilt, rebuild, rebuiltEmpty, type SetAside } from './rebuild.ts'
import { salvage } from './salvage.ts'
import { readDatabase } from './sqlite-read.ts'

/** What a repair would do, before anything is done. */
export interface RepairPlan extends Rebuilt {
  readonly file: string
  /** `empty`: nothing can be read, and all that could be done is to begin anew with nothing. */
  readonly extent: 'contents' | 'empty'
}

/** A database that a repair must not touch, and why. */
export interface NoRepair {
  readonly reason: string
}

/** What a repair left beside the database. */
export interface RepairFiles {
  readonly kept: readonly string[]
  /** The rows that were set aside, as lines of JSON; undefined if there are none. */
  readonly setAside: string | undefined
}

export type RepairStep = 'rows set aside' | 'old files kept' | 'new file written' | 'begun' | 'done'

export function planRepair(file: string): RepairPlan | NoRepair {
  const anchored = readAnchor(anchorFileOf(file))
  const found = salvage(file)
  if ('newer' in found)
    return { reason: `version ${found.newer} of the schema is of a later holdfast, which can open it` }
  if ('unreadable' in found) return { file, extent: 'empty', ...rebuiltEmpty(found.unreadable, anchored.number) }
  return { file, extent: 'contents', ...rebuild(found, anchored) }
}

/** `onStep` is told of each step that is on the disk. Rejects, with the old files in place, if the new one is not right. */
export async function carryOut(plan: RepairPlan, onStep: (step: RepairStep) => void = () => {}): Promise<RepairFiles> {
  const { file, setAside } = plan
  finishExchange(file)
  const time = new Date().toISOString().replaceAll(/[-:.]/g, '')
  const names = repairFilesOf(file)
  if (setAside.length > 0) {
    const lines = setAside.map((row) => `${JSON.stringify(lineOf(row))}\n`)
    writeFileSync(names.setAside(time), lines.join(''), { mode: 0o600, flag: 'wx', flush: true })
  }
  onStep('rows set aside')
  const kept = keepOldFiles(file, time)
  onStep('old files kept')
  write(names.growing, plan)
  await readDatabase(new Directory(Number.MAX_SAFE_INTEGER), { file: names.growing, readsLog: true })
  onStep('new file written')
  beginExchange(file)
  onStep('begun')
  finishExchange(file)
  onStep('done')
  return { kept, setAside: setAside.length > 0 ? names.setAside(time) : undefined }
}

function lineOf({ table, routingKey, key, bytes, wrong }: SetAside): object {
  const text = bytes.toString()
  const isText = Buffer.from(text).equals(bytes)
  return { table, routing_key: routingKey, key, ...(isText ? { text } : { base64: bytes.toString('base64') }), wrong }
}

function write(file: string, { rows, number }: RepairPlan): void {
  const database = new NewDatabase(file)
  try {
    database.number = number
    for (const row of rows) database.addRow(row)
    database.finish()
  } finally {
    database.abandon()
  }
}
