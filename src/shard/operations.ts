// Decides the operations of a transaction that are on this shard: checks by what stands, then writes, each by what the ones
// before it left. For that their changes are applied one after the other, and all are taken back before this returns.
// Invariant: the directory stands as it did; the changes can be applied once more, in their order, as long as nothing
// else happens to the states that they are on.
import type { Clocks } from '../base/clock.ts'
import { versionFieldOf } from '../protocol/commands.ts'
import { type Refusal, refusal } from '../protocol/errors.ts'
import { failedAt, type Operation, type RestoreOperation, restoreIn } from '../protocol/transactions.ts'
import { approximateBytes, type JsonObject } from '../protocol/value.ts'
import { apply, type Change, undo } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { Executor, Settled } from './executor.ts'
import type { Answer } from './task.ts'

/** What the operations came to. */
export interface Decided {
  /** The writes, in the order in which they are to be applied. */
  readonly writes: readonly Settled[]
  /** One for each operation but fences, in the order of the operations. */
  readonly results: JsonObject[]
}

export interface DecidingOptions {
  readonly executor: Executor
  readonly directory: Directory
  /** How much the results may take together. */
  readonly resultBytesMax: number
  /** The changes of an operation that restores. */
  readonly changesOf: (operation: RestoreOperation, now: Clocks) => readonly Change[] | Refusal
}

/** `again`: they were decided before, with the same outcome, in an earlier life of the shard. */
export function decideOperations(
  operations: readonly Operation[],
  now: Clocks,
  { executor, directory, resultBytesMax, changesOf }: DecidingOptions,
  again = false,
): Decided | Refusal {
  const restore = restoreIn(operations)
  if (restore !== undefined) {
    // Nothing is decided here: what was loaded takes the place of whatever stands.
    const changes = changesOf(restore, now)
    if ('code' in changes) return changes
    return { writes: [{ answer: restored, changes }], results: [] }
  }
  const results: JsonObject[] = []
  const writes: Settled[] = []
  const applied: Change[] = []
  let bytes = 0
  const take = (place: number, { index }: Operation, settled: Settled): Refusal | undefined => {
    if (settled.answer.refusal !== undefined) return failedAt(index, settled.answer.refusal)
    const result = resultOf(settled)
    bytes += approximateBytes(result)
    if (bytes > resultBytesMax) {
      const what = 'The size of the results of a transaction in bytes'
      return failedAt(index, refusal('LIMIT_EXCEEDED', { what, limit: resultBytesMax }))
    }
    results[place] = result
    return undefined
  }
  try {
    for (const [place, operation] of operations.entries()) {
      // They held when they were promised; the lock of a fence, which is not held back, may have another token by now.
      if (again || 'name' in operation) continue
      if ('restore' in operation) continue
      const settled = 'fence' in operation ? executor.decideFence(operation) : executor.decideCheck(operation, now)
      const refused = take(place, operation, settled)
      if (refused !== undefined) return refused
    }
    for (const [place, operation] of operations.entries()) {
      if (!('name' in operation)) continue
      const settled = executor.decideWrite(operation, now, again)
      const refused = take(place, operation, settled)
      if (refused !== undefined) return refused
      writes.push(settled)
      for (const change of settled.changes) {
        apply(directory, change)
        applied.push(change)
      }
    }
    return { writes, results: results.filter((_, place) => !('fence' in (operations[place] as Operation))) }
  } finally {
    for (const change of applied.reverse()) undo(directory, change)
  }
}

const restored: Answer = { command: '', refusal: undefined, fields: {}, version: undefined, requestId: {} }

/** The reply that the operation would get as a command, without its status. */
function resultOf({ answer: { command, fields, version } }: Settled): JsonObject {
  const field = command === '' ? undefined : versionFieldOf(command)
  return field === undefined || version === undefined ? fields : { ...fields, [field]: version }
}
