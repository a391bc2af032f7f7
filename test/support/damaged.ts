// Databases that are damaged behind the back of their shard, and what a repair would make of them.
import { JournalCorrupt } from '../../src/journal/journal.ts'
import { planRepair, type RepairPlan } from '../../src/journal/repair.ts'
import { readDatabase } from '../../src/journal/sqlite-read.ts'
import { Directory } from '../../src/state/directory.ts'
import { withDatabase } from './sqlite.ts'

export const tampered = (file: string, sql: string): void => withDatabase(file, (database) => database.exec(sql))

export async function problemsOf(file: string): Promise<readonly string[]> {
  try {
    await readDatabase(new Directory(10), { file, readsLog: true })
    return []
  } catch (error) {
    if (error instanceof JournalCorrupt) return error.problems
    throw error
  }
}

export function planFor(file: string): RepairPlan {
  const plan = planRepair(file)
  if ('reason' in plan) throw new Error(plan.reason)
  return plan
}
