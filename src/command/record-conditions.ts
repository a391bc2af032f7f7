// Conditions on records: `if` of SET_RECORD, PATCH_RECORD and DELETE_RECORD. Pure: looks at a record, and refuses or not.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { deepEqual } from '../state/deep-equal.ts'
import type { RecordContents } from '../state/table.ts'
import { type Refuse, refuse } from './decide.ts'

/**
 * Refuses a write whose condition does not hold. `revision` in a condition is always the record's own, 0 for one that is
 * not there; every other name is a field, which has to have the value given.
 */
export function conditionConflict(condition: JsonObject | undefined, contents: RecordContents | undefined) {
  return condition === undefined ? undefined : conflict(condition, contents)
}

function conflict(condition: JsonObject, contents: RecordContents | undefined): Refuse | undefined {
  const { revision, ...fields } = condition
  const names = Object.keys(fields)
  if (revision !== undefined && !(Number.isSafeInteger(revision) && Number(revision) >= 0)) {
    return refuse('INVALID_REQUEST', { reason: "'revision' in 'if' must be an integer of at least 0" })
  }
  if (revision === undefined && names.length === 0) {
    return refuse('INVALID_REQUEST', { reason: "'if' must name a revision or a field" })
  }
  const standing = contents?.revision ?? 0
  const revisionHolds = revision === undefined || revision === standing
  if (revisionHolds && names.every((name) => holds(contents, name, fields[name] as JsonValue))) return undefined
  if (names.length === 0) return refuse('VERSION_CONFLICT', { expected: revision as number, found: standing })
  return refuse('VERSION_CONFLICT', { expected: condition, found: contents ? shown(condition, contents) : null })
}

function holds(contents: RecordContents | undefined, field: string, value: JsonValue): boolean {
  if (contents === undefined || !Object.hasOwn(contents.record, field)) return false
  return deepEqual(contents.record[field] as JsonValue, value)
}

/** What stands of what a condition asks for. */
function shown(condition: JsonObject, { record, revision }: RecordContents): JsonObject {
  const found: JsonObject = {}
  for (const name in condition) {
    if (name === 'revision') found.revision = revision
    else if (Object.hasOwn(record, name)) found[name] = record[name] as JsonValue
  }
  return found
}
