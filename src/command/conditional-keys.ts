// Writes that look at what stands: counters, appended text, compare and swap. Owns nothing: reads the keyspace, answers
// with changes.
// Invariant: a number that comes out can be read back as it is: finite, and safe where it is an integer.
import type { Arguments } from '../protocol/commands.ts'
import { deepEqual } from '../state/deep-equal.ts'
import type { KeyContents, Keyspace } from '../state/keyspace.ts'
import { type Context, type Deciders, type Decision, refuse } from './decide.ts'
import { Entry, encodingProblem, endOf, wrongType } from './key-rules.ts'
import { written } from './keys.ts'
import { isRefuse } from './record-rules.ts'

type ConditionalCommands = 'INCREMENT_KEY' | 'DECREMENT_KEY' | 'APPEND_KEY' | 'COMPARE_SWAP' | 'COMPARE_AND_SET'

export const conditionalKeyCommands: Deciders<ConditionalCommands> = {
  INCREMENT_KEY: (keyspace, args, context) => add(keyspace, args, 1, context),
  DECREMENT_KEY: (keyspace, args, context) => add(keyspace, args, -1, context),

  APPEND_KEY(keyspace, { key, value }, context) {
    const entry = new Entry(keyspace, key, context)
    const { contents } = entry
    const before = contents === undefined ? '' : textOf(contents)
    if (before === undefined) return wrongType(key, 'a string')
    const text = before + value
    const result = entry.write({ value: text, expiresAt: contents?.expiresAt ?? null })
    return isRefuse(result) ? result : entry.done({ length: Buffer.byteLength(text) })
  },

  COMPARE_SWAP(keyspace, { key, old, new: value, ttl }, context) {
    const entry = new Entry(keyspace, key, context)
    const { contents } = entry
    const { valueBytesMax } = context.limits
    // What stands may have to be shown, and a list can grow beyond any value that could be given.
    if (contents?.list !== undefined && contents.bytes > valueBytesMax) {
      return refuse('LIMIT_EXCEEDED', { what: 'The size of the list to be compared, in bytes', limit: valueBytesMax })
    }
    const found = contents === undefined ? null : (contents.list?.values() ?? contents.value)
    if (!deepEqual(found, old)) return entry.done({ value: found, swapped: false })
    const result = entry.write({ value, expiresAt: newEnd(contents, ttl, context) })
    return isRefuse(result) ? result : entry.done({ value, swapped: true })
  },

  COMPARE_AND_SET(keyspace, { key, value, version, revision, ttl, encoding }, context) {
    const problem = encodingProblem(value, encoding)
    if (problem !== undefined) return problem
    if ((version === undefined) === (revision === undefined)) {
      return refuse('INVALID_REQUEST', { reason: "COMPARE_AND_SET needs either 'version' or 'revision'" })
    }
    const entry = new Entry(keyspace, key, context)
    const { contents } = entry
    const found = (version === undefined ? contents?.revision : contents?.version) ?? 0
    const expected = version ?? revision ?? 0
    if (found !== expected) return refuse('VERSION_CONFLICT', { expected, found })
    return written(entry, entry.write({ value, expiresAt: newEnd(contents, ttl, context), encoding }))
  },
}

/** A write keeps the end that a key has, unless it brings another. */
function newEnd(contents: KeyContents | undefined, ttl: number | undefined, context: Context): number | null {
  return ttl === undefined ? (contents?.expiresAt ?? null) : endOf(ttl, context)
}

function add(
  keyspace: Keyspace,
  { key, by = 1, ttl }: Arguments<'INCREMENT_KEY'>,
  sign: 1 | -1,
  context: Context,
): Decision {
  const entry = new Entry(keyspace, key, context)
  const { contents } = entry
  const before = contents === undefined ? 0 : numberOf(contents)
  if (before === undefined) return wrongType(key, 'a number')
  const sum = before + sign * by
  if (!Number.isFinite(sum) || (Number.isInteger(sum) && !Number.isSafeInteger(sum))) {
    return refuse('LIMIT_EXCEEDED', { what: 'The sum', limit: Number.MAX_SAFE_INTEGER })
  }
  // Zero has no sign: not every codec could carry it.
  const value = sum === 0 ? 0 : sum
  const expiresAt = contents === undefined ? newEnd(undefined, ttl, context) : contents.expiresAt
  const result = entry.write({ value, expiresAt })
  return isRefuse(result) ? result : entry.done({ value })
}

function numberOf({ value }: KeyContents): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** Text that stands for bytes is none that anything could be appended to. */
function textOf({ value, encoding }: KeyContents): string | undefined {
  return typeof value === 'string' && encoding === undefined ? value : undefined
}
