// Turns a schema that has been read into functions, once, so that a check interprets nothing and, where the value is
// good, allocates nothing. Called by json-schema.ts only.
// Invariant: no keyword costs more than the size of the value it looks at. So fields are walked from the value's side,
// never from the schema's: a thousand properties must not be asked of each of ten thousand empty objects.

import { child } from '../protocol/json-pointer.ts'
import { isObject, type JsonValue } from '../protocol/value.ts'
import { deepEqual } from './deep-equal.ts'
import type { Schema, SchemaNode, TypeName } from './json-schema-definition.ts'
import { ValueSet } from './value-set.ts'

export interface SchemaViolation {
  /** JSON pointer into the record, '' for the record itself. */
  readonly path: string
  /** What should stand there, in words: "a string of at most 20 characters". */
  readonly expected: string
}

/** The first violation found, with its path counted from the value given. */
type Check = (value: JsonValue) => SchemaViolation | undefined

export function compileCheck(schema: Schema): Check {
  if (schema === true) return () => undefined
  if (schema === false) {
    const violation = expecting('no such field or item')
    return () => violation
  }
  // In this order, so that the type is named before its details, and an array's length is known before its items.
  return together([
    ...valueChecks(schema),
    ...numberChecks(schema),
    ...stringChecks(schema),
    ...arrayChecks(schema),
    ...objectChecks(schema),
  ])
}

function together(checks: readonly Check[]): Check {
  const [first, second] = checks
  if (first === undefined) return () => undefined
  if (second === undefined) return first
  if (checks.length === 2) return (value) => first(value) ?? second(value)
  return (value) => {
    for (const check of checks) {
      const violation = check(value)
      if (violation !== undefined) return violation
    }
    return undefined
  }
}

/** A violation is made once for each rule, and copied with a longer path by the objects and arrays around it. */
function expecting(expected: string): SchemaViolation {
  return { path: '', expected }
}

function within(name: string, { path, expected }: SchemaViolation): SchemaViolation {
  return { path: child('', name) + path, expected }
}

function* valueChecks({ types, const: constant, enum: entries }: SchemaNode): Generator<Check> {
  if (types !== undefined) yield typeCheck(types)
  if (constant !== undefined) {
    const violation = expecting(`exactly ${inWords([constant])}`)
    yield (value) => (deepEqual(value, constant) ? undefined : violation)
  }
  if (entries !== undefined) {
    const violation = expecting(`one of ${inWords(entries)}`)
    const allowed = new ValueSet(entries)
    yield (value) => (allowed.has(value) ? undefined : violation)
  }
}

const nouns: Record<TypeName, string> = {
  null: 'null',
  boolean: 'true or false',
  integer: 'an integer',
  number: 'a number',
  string: 'a string',
  array: 'an array',
  object: 'an object',
}

const typeChecks: Record<TypeName, (violation: SchemaViolation) => Check> = {
  null: (violation) => (value) => (value === null ? undefined : violation),
  boolean: (violation) => (value) => (typeof value === 'boolean' ? undefined : violation),
  integer: (violation) => (value) => (Number.isInteger(value) ? undefined : violation),
  number: (violation) => (value) => (typeof value === 'number' ? undefined : violation),
  string: (violation) => (value) => (typeof value === 'string' ? undefined : violation),
  array: (violation) => (value) => (Array.isArray(value) ? undefined : violation),
  object: (violation) => (value) => (isObject(value) ? undefined : violation),
}

function typeCheck(types: readonly TypeName[]): Check {
  const violation = expecting(types.map((type) => nouns[type]).join(' or '))
  const checks = types.map((type) => typeChecks[type](violation))
  const [only] = checks
  if (only !== undefined && checks.length === 1) return only
  return (value) => (checks.some((check) => check(value) === undefined) ? undefined : violation)
}

// Rules about one type accept every value of another, as JSON Schema has it; `type` is there to forbid those.

function* numberChecks({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaNode): Generator<Check> {
  if (minimum !== undefined) {
    const violation = expecting(`a number of at least ${minimum}`)
    yield (value) => (typeof value === 'number' && value < minimum ? violation : undefined)
  }
  if (maximum !== undefined) {
    const violation = expecting(`a number of at most ${maximum}`)
    yield (value) => (typeof value === 'number' && value > maximum ? violation : undefined)
  }
  if (exclusiveMinimum !== undefined) {
    const violation = expecting(`a number greater than ${exclusiveMinimum}`)
    yield (value) => (typeof value === 'number' && value <= exclusiveMinimum ? violation : undefined)
  }
  if (exclusiveMaximum !== undefined) {
    const violation = expecting(`a number less than ${exclusiveMaximum}`)
    yield (value) => (typeof value === 'number' && value >= exclusiveMaximum ? violation : undefined)
  }
}

function* stringChecks({ minLength, maxLength }: SchemaNode): Generator<Check> {
  if (minLength !== undefined) {
    const violation = expecting(`a string of at least ${counted(minLength, 'character')}`)
    yield (value) => (typeof value === 'string' && !hasCharacters(value, minLength) ? violation : undefined)
  }
  if (maxLength !== undefined) {
    const violation = expecting(`a string of at most ${counted(maxLength, 'character')}`)
    yield (value) => (typeof value === 'string' && hasCharacters(value, maxLength + 1) ? violation : undefined)
  }
}

/** Whether the text has at least `count` characters. One takes one or two UTF-16 units, which mostly decides. */
function hasCharacters(text: string, count: number): boolean {
  if (text.length < count) return false
  if (text.length >= 2 * count) return true
  let found = 0
  for (const _ of text) found += 1
  return found >= count
}

function* arrayChecks({ minItems, maxItems, uniqueItems, items }: SchemaNode): Generator<Check> {
  if (minItems !== undefined) {
    const violation = expecting(`an array of at least ${counted(minItems, 'item')}`)
    yield (value) => (Array.isArray(value) && value.length < minItems ? violation : undefined)
  }
  if (maxItems !== undefined) {
    const violation = expecting(`an array of at most ${counted(maxItems, 'item')}`)
    yield (value) => (Array.isArray(value) && value.length > maxItems ? violation : undefined)
  }
  if (uniqueItems === true) {
    const violation = expecting('an array without equal items')
    yield (value) => (Array.isArray(value) && new ValueSet(value).size < value.length ? violation : undefined)
  }
  if (items !== undefined) yield itemsCheck(compileCheck(items))
}

function itemsCheck(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return undefined
    for (let index = 0; index < value.length; index += 1) {
      const violation = check(value[index] as JsonValue)
      if (violation !== undefined) return within(String(index), violation)
    }
    return undefined
  }
}

function* objectChecks(node: SchemaNode): Generator<Check> {
  const { minProperties, maxProperties, required = [], properties = new Map(), additionalProperties = true } = node
  if (minProperties !== undefined) {
    const violation = expecting(`an object of at least ${counted(minProperties, 'field')}`)
    yield (value) => (isObject(value) && Object.keys(value).length < minProperties ? violation : undefined)
  }
  if (maxProperties !== undefined) {
    const violation = expecting(`an object of at most ${counted(maxProperties, 'field')}`)
    yield (value) => (isObject(value) && Object.keys(value).length > maxProperties ? violation : undefined)
  }
  if (required.length > 0) yield requiredCheck(required)
  if (properties.size > 0 || additionalProperties !== true) yield fieldsCheck(properties, additionalProperties)
}

function requiredCheck(required: readonly string[]): Check {
  const violation = expecting('a value: the field is required')
  return (value) => {
    if (!isObject(value)) return undefined
    for (const name of required) {
      if (!Object.hasOwn(value, name)) return within(name, violation)
    }
    return undefined
  }
}

function fieldsCheck(properties: ReadonlyMap<string, Schema>, additionalProperties: Schema): Check {
  const checks = new Map<string, Check>()
  for (const [name, schema] of properties) checks.set(name, compileCheck(schema))
  const others = compileCheck(additionalProperties)
  return (value) => {
    if (!isObject(value)) return undefined
    // A JSON object inherits no enumerable fields; `for in` saves the array that Object.keys would make.
    for (const name in value) {
      const violation = (checks.get(name) ?? others)(value[name] as JsonValue)
      if (violation !== undefined) return within(name, violation)
    }
    return undefined
  }
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}

// Enough to name the values of a status; the whole list stands in the schema.
const wordsLengthMax = 200

function inWords(values: readonly JsonValue[]): string {
  let words = ''
  for (const value of values) {
    words += `${words === '' ? '' : ', '}${JSON.stringify(value)}`
    if (words.length > wordsLengthMax) return `${words.slice(0, wordsLengthMax).toWellFormed()}…`
  }
  return words
}
