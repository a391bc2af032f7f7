// The rules of a table whose records follow a machine with one field: a new record begins where the machine begins, and
// later writes move the field along its transitions. Pure; they answer with a refusal or with what may be stored.

import { printable } from '../protocol/envelope.ts'
import type { JsonObject } from '../protocol/value.ts'
import { compileFieldMachine } from '../state/machine-field.ts'
import type { BoundField, TableHeader } from '../state/table.ts'
import { type Refuse, refuse } from './decide.ts'
import { definitionRefused } from './definitions.ts'

/** How many values a refusal names that the field may take. */
const shownMax = 20

/** Reads the argument `machine` of CREATE_STATE. `fields` are those of a JSON Schema, if there is one. */
export function boundFieldOf(source: JsonObject, fields: ReadonlySet<string> | null): BoundField | Refuse {
  const { field, definition, ...rest } = source
  const isField = typeof field === 'string' && field.length > 0 && field !== 'id'
  if (!isField || definition === undefined || Object.keys(rest).length > 0) {
    return refuse('INVALID_REQUEST', { reason: "'machine' has a 'field', which is not 'id', and a 'definition'" })
  }
  if (fields !== null && !fields.has(field)) {
    return refuse('INVALID_REQUEST', { reason: `the schema has no field '${printable(field)}' for the machine` })
  }
  const machine = compileFieldMachine(definition)
  return 'code' in machine ? definitionRefused(machine) : { field, machine }
}

/** The data of a new record, its bound field filled in where it is absent. */
export function begun({ bound }: TableHeader, data: JsonObject): JsonObject {
  if (bound === undefined || Object.hasOwn(data, bound.field)) return data
  return { ...data, [bound.field]: bound.machine.initial }
}

/** As `moveConflict`; but the field of a record that was exported may stand anywhere in its machine. */
export function placeConflict(
  header: TableHeader,
  before: JsonObject | undefined,
  record: JsonObject,
  imported: boolean,
): Refuse | undefined {
  const { bound } = header
  if (imported && bound?.machine.has(record[bound.field] ?? null)) return undefined
  return moveConflict(header, before, record)
}

/** Refuses a record whose bound field does not follow from `before`, the record that it replaces, if there is one. */
export function moveConflict(
  { bound }: TableHeader,
  before: JsonObject | undefined,
  record: JsonObject,
  row?: number,
): Refuse | undefined {
  if (bound === undefined) return undefined
  const { field, machine } = bound
  const { [field]: from = null } = before ?? {}
  const { [field]: to = null } = record
  if (before === undefined ? to === machine.initial : machine.allows(from, to)) return undefined
  const next = before === undefined ? [machine.initial] : typeof from === 'string' ? [...machine.next(from)] : []
  const can = next.slice(0, shownMax).map(printable)
  return refuse('INVALID_TRANSITION', { field: printable(field), value: from, can, ...(row !== undefined && { row }) })
}
