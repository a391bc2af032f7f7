// The JSON model that both codecs carry, and the one place that checks it. A value that passes can be stored, cloned,
// encoded and given back unchanged; anything else is refused at the door with a reason in words.

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject
export interface JsonObject {
  [field: string]: JsonValue
}

/** How deep an argument of a command may be nested. JSON.stringify and structuredClone throw from about 5,000. */
export const depthMax = 64

/** The list of a transaction's operations is deeper by itself, by the operation, and by what a check holds. */
export const operationDepthMax = depthMax + 3

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Says what keeps `value` out of the JSON model, or undefined for a good value. Also safe on values that never were
 * JSON text: functions, class instances, cycles (they end at the depth bound), accessors.
 */
export function valueProblem(value: unknown, depth: number = depthMax): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : 'a string holds a lone surrogate'
    case 'number':
      return Number.isFinite(value) ? undefined : 'a number is not finite'
    case 'boolean':
      return undefined
    case 'object':
      if (value === null) return undefined
      if (depth === 0) return `a value is nested deeper than ${depthMax}`
      return Array.isArray(value) ? arrayProblem(value, depth - 1) : objectProblem(value, depth - 1)
    default:
      return `a value of type ${typeof value} is not JSON`
  }
}

function arrayProblem(array: unknown[], depth: number): string | undefined {
  for (let index = 0; index < array.length; index += 1) {
    const problem = valueProblem(array[index], depth)
    if (problem !== undefined) return problem
  }
  return undefined
}

function objectProblem(object: object, depth: number): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) return 'only plain objects are JSON'
  for (const field in object) {
    // JSON.parse makes `__proto__` an ordinary field, but the first assignment of it elsewhere would not be one.
    if (field === '__proto__') return "the field name '__proto__' is not allowed"
    if (!field.isWellFormed()) return 'a field name holds a lone surrogate'
    const problem = valueProblem((object as JsonObject)[field], depth)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** A deep copy of a value that passed `valueProblem`, so that neither side can change what the other holds. */
export function copyValue(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) ? value.map(copyValue) : copyObject(value)
}

export function copyObject(object: JsonObject): JsonObject {
  const copy: JsonObject = {}
  for (const field in object) copy[field] = copyValue(object[field] as JsonValue)
  return copy
}

/**
 * Says which integer literal of a JSON text a double cannot hold exactly, if one can't. JSON.parse would round it
 * without a word. Only texts with sixteen digits in a row, which are rare, pay for a closer look.
 */
export function numberProblem(text: string): string | undefined {
  if (!/\d{16}/.test(text)) return undefined
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charCodeAt(index)
    if (character === quote) {
      index = endOfString(text, index)
    } else if (character === minus || isDigit(character)) {
      const literal = numberLiteral(text, index)
      if (!isExact(literal)) return `the integer ${shortened(literal)} cannot be held exactly`
      index += literal.length - 1
    }
  }
  return undefined
}

const quote = 0x22
const backslash = 0x5c
const minus = 0x2d

function isDigit(character: number): boolean {
  return character >= 0x30 && character <= 0x39
}

function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    const character = text.charCodeAt(index)
    if (character === backslash) index += 1
    else if (character === quote) return index
  }
  return text.length
}

function numberLiteral(text: string, start: number): string {
  let end = start + 1
  while (end < text.length && /[\d.eE+-]/.test(text.charAt(end))) end += 1
  return text.slice(start, end)
}

function isExact(literal: string): boolean {
  if (!/^-?\d+$/.test(literal)) return true
  // The largest double has 309 digits; BigInt would take quadratic time over a longer literal.
  return literal.length <= 310 && Number.isFinite(Number(literal)) && BigInt(literal) === BigInt(Number(literal))
}

function shortened(literal: string): string {
  return literal.length <= 40 ? literal : `${literal.slice(0, 40)}…`
}

/** What a field adds to an object besides its value: its name, the quotes, the colon and the comma. */
export function fieldBytes(field: string): number {
  return field.length + 4
}

/** About how many bytes a value takes as JSON text, without encoding it: strings count a byte for each UTF-16 unit. */
export function approximateBytes(value: JsonValue): number {
  if (typeof value === 'string') return value.length + 2
  if (typeof value === 'number') return 8
  if (value === null || typeof value === 'boolean') return 4
  let bytes = 2
  if (Array.isArray(value)) {
    for (const item of value) bytes += approximateBytes(item) + 1
  } else {
    for (const field in value) bytes += fieldBytes(field) + approximateBytes(value[field] as JsonValue)
  }
  return bytes
}
