// Reads a JSON Schema of the supported subset into a tree whose every value is known to be well-formed.
// Nothing is passed over in silence: a keyword that is not understood is a problem with its path, because a rule that
// the user wrote and the table does not enforce is worse than a refusal. Called by json-schema.ts only.
// Invariant: a definition of any shape and size is read in linear time and with bounded recursion.

import { child } from '../protocol/json-pointer.ts'
import { isObject, type JsonObject, type JsonValue } from '../protocol/value.ts'

export interface SchemaProblem {
  /** UNSUPPORTED: JSON Schema has it, tables do not. INVALID_DEFINITION: it means nothing in JSON Schema either. */
  code: 'UNSUPPORTED' | 'INVALID_DEFINITION'
  /** JSON pointer into the definition. */
  path: string
  reason: string
}

const typeNames = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'] as const
export type TypeName = (typeof typeNames)[number]

/** A schema that allows everything or nothing, or a node. */
export type Schema = boolean | SchemaNode

export interface SchemaNode {
  types?: readonly TypeName[]
  enum?: readonly JsonValue[]
  const?: JsonValue
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  uniqueItems?: boolean
  items?: Schema
  minProperties?: number
  maxProperties?: number
  required?: readonly string[]
  properties?: ReadonlyMap<string, Schema>
  additionalProperties?: Schema
}

// Bounds recursion, and with it the factor by which a check can cost more than the record's size.
const depthMax = 32
// A table has at most 1,024 fields; this leaves room to describe what is inside some of them.
const schemasMax = 2_000
const enumEntriesMax = 1_000
const requiredNamesMax = 2_000
// Unique items are remembered while an array is checked; the bound keeps that memory small.
const uniqueItemsMax = 1_000

// Known to JSON Schema (any draft) and refused: what would need a regular expression from a user, costs more than the
// record's size, or would be ignored where the user expects it to be enforced.
const unsupportedKeywords = new Set(
  `$anchor $defs $dynamicAnchor $dynamicRef $id $recursiveAnchor $recursiveRef $ref $vocabulary additionalItems allOf
  anyOf contains contentEncoding contentMediaType contentSchema definitions dependencies dependentRequired
  dependentSchemas deprecated else format if maxContains minContains multipleOf not oneOf pattern patternProperties
  prefixItems propertyNames readOnly then unevaluatedItems unevaluatedProperties writeOnly`.split(/\s+/),
)

/** The definition's root, or its first problem. */
export function readDefinition(source: JsonObject): SchemaNode | SchemaProblem {
  const reader = new Reader()
  const root = reader.node(source, '', 1)
  return reader.problem ?? root
}

/** Remembers the first problem and reads on with some harmless value, so that reading needs no detours. */
class Reader {
  problem: SchemaProblem | undefined
  // The root is one.
  #schemas = 1

  node(source: JsonObject, path: string, depth: number): SchemaNode {
    const node: SchemaNode = {}
    for (const keyword of Object.keys(source)) {
      // Also what ends the recursion and the loops over a definition that is beyond a bound.
      if (this.problem !== undefined) break
      this.#keyword(node, keyword, source[keyword] as JsonValue, child(path, keyword), depth)
    }
    if (node.uniqueItems === true && !((node.maxItems ?? Number.POSITIVE_INFINITY) <= uniqueItemsMax)) {
      this.#unsupported(child(path, 'uniqueItems'), `needs maxItems of at most ${uniqueItemsMax} beside it`)
    }
    return node
  }

  #keyword(node: SchemaNode, keyword: string, value: JsonValue, path: string, depth: number): void {
    switch (keyword) {
      case 'type':
        node.types = this.#types(value, path)
        break
      case 'enum':
        node.enum = this.#enum(value, path)
        break
      case 'const':
        node.const = value
        break
      case 'minimum':
      case 'maximum':
      case 'exclusiveMinimum':
      case 'exclusiveMaximum':
        node[keyword] = this.#number(value, path)
        break
      case 'minLength':
      case 'maxLength':
      case 'minItems':
      case 'maxItems':
      case 'minProperties':
      case 'maxProperties':
        node[keyword] = this.#count(value, path)
        break
      case 'uniqueItems':
        if (typeof value === 'boolean') node.uniqueItems = value
        else this.#invalid(path, 'must be true or false')
        break
      case 'items':
        node.items = this.#schema(value, path, depth + 1)
        break
      case 'required':
        node.required = this.#names(value, path)
        break
      case 'properties':
        node.properties = this.#properties(value, path, depth + 1)
        break
      case 'additionalProperties':
        node.additionalProperties = this.#schema(value, path, depth + 1)
        break
      case 'title':
      case 'description':
      case '$schema':
      case '$comment':
        if (typeof value !== 'string') this.#invalid(path, 'must be a string')
        break
      case 'examples':
        if (!Array.isArray(value)) this.#invalid(path, 'must be an array')
        break
      case 'default':
        break
      default:
        if (unsupportedKeywords.has(keyword)) this.#unsupported(path, `the keyword ${keyword} is not supported`)
        else this.#invalid(path, 'is not a keyword of JSON Schema')
    }
  }

  #schema(value: JsonValue, path: string, depth: number): Schema {
    this.#schemas += 1
    if (depth > depthMax) this.#unsupported(path, `schemas are nested deeper than ${depthMax}`)
    if (this.#schemas > schemasMax) this.#unsupported(path, `the definition holds more than ${schemasMax} schemas`)
    if (typeof value === 'boolean') return value
    if (isObject(value)) return this.node(value, path, depth)
    this.#invalid(path, 'must be a schema: an object, true or false')
    return true
  }

  #properties(value: JsonValue, path: string, depth: number): ReadonlyMap<string, Schema> {
    const properties = new Map<string, Schema>()
    if (!isObject(value)) {
      this.#invalid(path, 'must be an object')
      return properties
    }
    for (const name of Object.keys(value)) {
      if (this.problem !== undefined) break
      properties.set(name, this.#schema(value[name] as JsonValue, child(path, name), depth))
    }
    return properties
  }

  #types(value: JsonValue, path: string): TypeName[] {
    const names = Array.isArray(value) ? value : [value]
    const types = names.filter(isTypeName)
    if (names.length === 0 || types.length < names.length || new Set(types).size < types.length) {
      this.#invalid(path, `must be one of ${typeNames.join(', ')}, or an array of different ones`)
    }
    return types
  }

  #enum(value: JsonValue, path: string): JsonValue[] {
    if (!Array.isArray(value) || value.length === 0) {
      this.#invalid(path, 'must be an array with at least one value')
      return []
    }
    if (value.length > enumEntriesMax) this.#unsupported(path, `holds more than ${enumEntriesMax} values`)
    return value
  }

  #names(value: JsonValue, path: string): string[] {
    if (Array.isArray(value) && value.length > requiredNamesMax) {
      this.#unsupported(path, `holds more than ${requiredNamesMax} names`)
      return []
    }
    const names = Array.isArray(value) ? value.filter((name) => typeof name === 'string') : []
    if (!Array.isArray(value) || names.length < value.length || new Set(names).size < names.length) {
      this.#invalid(path, 'must be an array of different field names')
    }
    return names
  }

  #number(value: JsonValue, path: string): number {
    if (typeof value === 'number') return value
    this.#invalid(path, 'must be a number')
    return 0
  }

  #count(value: JsonValue, path: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value
    this.#invalid(path, 'must be a whole number, 0 or more')
    return 0
  }

  #unsupported(path: string, reason: string): void {
    this.problem ??= { code: 'UNSUPPORTED', path, reason }
  }

  #invalid(path: string, reason: string): void {
    this.problem ??= { code: 'INVALID_DEFINITION', path, reason }
  }
}

function isTypeName(value: JsonValue): value is TypeName {
  return typeNames.some((name) => name === value)
}
