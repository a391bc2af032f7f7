// Schemas of tables: the safe subset of JSON Schema in which a user may describe the records of a table.
// Owns the rules for the top level; json-schema-definition.ts reads the keywords, json-schema-check.ts turns them into
// functions. Called by whatever creates or recovers a table, once, and by every write of a record.
// Invariant: checking costs at most the record's size times the schema's depth, whatever a user put into the schema.

import { isObject, type JsonObject, type JsonValue } from '../protocol/value.ts'
import { compileCheck, type SchemaViolation } from './json-schema-check.ts'
import { readDefinition, type SchemaNode, type SchemaProblem } from './json-schema-definition.ts'
import { compareBytes } from './sorted-names.ts'

export type { SchemaProblem, SchemaViolation }

export interface RecordSchema {
  /** The names of all fields a record may have, `id` included, sorted by bytes. */
  readonly fields: readonly string[]
  /** The definition as it was given, annotations included. */
  readonly source: JsonObject
  /**
   * The first rule that a whole record (its `id` included) breaks, or undefined. Fields that are not in `fields` are
   * the caller's to refuse; they are not looked at here.
   */
  readonly check: (record: JsonObject) => SchemaViolation | undefined
}

/** Compiles a definition, in time linear in its size; or says what is wrong with it, which has a `code`. */
export function compileRecordSchema(source: JsonValue): RecordSchema | SchemaProblem {
  if (!isObject(source)) return invalid('', 'the schema of a table must be an object')
  const root = readDefinition(source)
  if ('code' in root) return root
  const problem = topLevelProblem(root)
  if (problem !== undefined) return problem
  return {
    fields: [...new Set([...(root.properties?.keys() ?? []), 'id'])].sort(compareBytes),
    source,
    // The table refuses unknown fields itself, before it asks here.
    check: compileCheck({ ...root, additionalProperties: true }),
  }
}

/** A table has a fixed set of fields, which is all that its records may have. */
function topLevelProblem(root: SchemaNode): SchemaProblem | undefined {
  const { types, properties, required = [], additionalProperties = false } = root
  if (types === undefined && properties === undefined) {
    return invalid('', 'the schema of a table needs properties, or the type "object"')
  }
  if (types !== undefined && (types.length !== 1 || types[0] !== 'object')) {
    return invalid('/type', 'the records of a table are of type "object"')
  }
  if (additionalProperties !== false) {
    const reason = 'a table has a fixed set of fields, so at the top level this can only be false'
    return { code: 'UNSUPPORTED', path: '/additionalProperties', reason }
  }
  // No record could ever be written: with such a field it is refused as unknown, without it as incomplete.
  const unknown = required.findIndex((name) => name !== 'id' && properties?.has(name) !== true)
  return unknown < 0 ? undefined : invalid(`/required/${unknown}`, 'names a field that properties does not have')
}

function invalid(path: string, reason: string): SchemaProblem {
  return { code: 'INVALID_DEFINITION', path, reason }
}
