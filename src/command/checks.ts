// Checks of a transaction: what has to stand of a key, a record or an instance. Pure: looks at what a read has shown, and
// refuses or not.
import type { Check } from '../protocol/transactions.ts'
import type { JsonObject } from '../protocol/value.ts'
import { type Refuse, refuse } from './decide.ts'

/** The command that shows what a check is about; for an id that depends on the kind of the state. */
export function readOf({ key, id }: Check, kind: string | undefined): { name: CheckReads; args: JsonObject } {
  if (key !== undefined) return { name: 'GET_VERSION', args: { key } }
  return { name: kind === 'machine' ? 'GET_INSTANCE' : 'GET_RECORD', args: { id: id as number | string } }
}

export type CheckReads = 'GET_VERSION' | 'GET_RECORD' | 'GET_INSTANCE'

/** What stands, by the reply of that command; nothing where there is no such instance. */
export function standingOf(reply: JsonObject | undefined): JsonObject {
  const { version, revision = 0 } = reply ?? {}
  // A key that is there has a version from 1 on, anything else a revision.
  return { exists: (version ?? revision) !== 0, ...(version !== undefined && { version }), revision }
}

/** Refuses the transaction where something else stands. */
export function checkConflict(check: Check, standing: JsonObject): Refuse | undefined {
  for (const field of ['exists', 'version', 'revision'] as const) {
    const expected = check[field]
    const found = standing[field]
    if (expected === undefined || expected === found) continue
    return typeof expected === 'boolean'
      ? refuse('VERSION_CONFLICT', { expected: { exists: expected }, found: { exists: !expected } })
      : refuse('VERSION_CONFLICT', { expected, found: found as number })
  }
  return undefined
}
