// Random commands on keys, for the model: few keys and values, so that they meet each other often. A token is a small
// number, as tokens are versions of states that are not old.
import fc from 'fast-check'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'

const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'a/b') },
  { weight: 1, arbitrary: fc.constantFrom('\u{1f600}', '\uffff', 'constructor') },
)
const value = fc.constantFrom<JsonValue[]>(
  0,
  1,
  2.5,
  'words',
  null,
  [],
  [1, 2],
  [1, 2, 3, 4],
  { a: [1] },
  'QQ==',
  2 ** 53 - 1,
)
const small = fc.integer({ min: 0, max: 12 })
const pattern = fc.constantFrom('*', 'a*', 'a/?', '[ab]', '[!a]*', 'x', '[')
const end = fc.constantFrom('first', 'last')

type Given = Record<string, fc.Arbitrary<JsonValue>>

/** `ttl` and `lease` give durations in seconds. */
export function keyCommand(state: fc.Arbitrary<string>, ttl: fc.Arbitrary<number>, lease: fc.Arbitrary<number>) {
  const command = (weight: number, cmd: string, always: Given, sometimes: Given = {}) => ({
    weight,
    arbitrary: fc
      .tuple(
        fc.record({ cmd: fc.constant(cmd), state, ...always }),
        fc.record(sometimes, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>,
      )
      .map(([given, more]): JsonObject => ({ ...given, ...more })),
  })
  return fc.oneof(
    command(8, 'SET_KEY', { key, value }, { ttl, encoding: fc.constant('base64') }),
    command(8, 'SET_KEY', { key, value }, { ttl }),
    command(6, 'GET_KEY', { key }, { default: value }),
    command(4, 'DELETE_KEY', { key }),
    command(1, 'KEY_EXISTS', { key }),
    command(2, 'GET_VERSION', { key }),
    command(4, 'SET_TTL', { key, ttl: fc.oneof(ttl, fc.constant(null)) }),
    command(3, 'GET_TTL', { key }),
    command(4, 'INCREMENT_KEY', { key }, { by: fc.constantFrom(1, 0.5, -2, 2 ** 53 - 1), ttl }),
    command(2, 'DECREMENT_KEY', { key }, { by: fc.constantFrom(1, 0, 3), ttl }),
    command(3, 'APPEND_KEY', { key, value: fc.constantFrom('', 'a', '\u20ac') }),
    command(3, 'COMPARE_SWAP', { key, old: value, new: value }, { ttl }),
    command(5, 'COMPARE_AND_SET', { key, value, version: fc.integer({ min: 0, max: 3 }) }, { ttl }),
    command(2, 'COMPARE_AND_SET', { key, value }, { version: small, revision: small, ttl }),
    command(4, 'CREATE_KEY', { key, value }, { ttl }),
    command(3, 'LIST_KEYS', {}, { pattern, limit: fc.integer({ min: 1, max: 4 }), after: key }),
    command(2, 'LIST_KEYS', {}, { prefix: fc.constantFrom('', 'a', 'a/'), after: key }),
    command(1, 'CLEAR_KEYS', {}),
    command(2, 'CLEAR_KEYS', { pattern }),
    command(8, 'PUSH_LIST', { key, item: value }, { end }),
    command(2, 'LIST_LENGTH', { key }),
    command(6, 'POP_LIST', { key }, { end }),
    command(6, 'POP_LIST', { key, lease }, { end }),
    command(4, 'ACK_ITEM', { key, token: small }),
    command(4, 'RETURN_ITEM', { key, token: small }),
  )
}
