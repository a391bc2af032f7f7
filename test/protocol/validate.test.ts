// The words for a command that is not well formed: which field, and what should stand there.
import { describe, expect, it } from 'vitest'
import { type CommandName, commandNames, declarationOf } from '../../src/protocol/commands.ts'
import { argumentsProblem } from '../../src/protocol/validate.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { samples } from '../support/samples.ts'

describe('argumentsProblem', () => {
  it.each(commandNames)('finds nothing wrong with a good %s', (name) => {
    expect(argumentsProblem(name, { cmd: name, request_id: 1, ...samples[name] })).toBeUndefined()
  })

  it.each(commandNames)('finds nothing wrong with a %s that has only what it needs', (name) => {
    const needed = Object.entries(samples[name]).filter(([field]) => !isOptional(name, field))
    expect(argumentsProblem(name, { cmd: name, ...Object.fromEntries(needed) })).toBeUndefined()
  })

  it.each<[CommandName, JsonObject, string]>([
    ['SET_RECORD', { id: 1 }, "SET_RECORD needs 'data', an object"],
    ['SET_RECORD', {}, "SET_RECORD needs 'id', a safe integer or a string of 1 to 255 characters"],
    ['SET_STATE', {}, "SET_STATE needs 'data', a list"],
    ['SET_STATE', { data: {} }, "'data' of SET_STATE must be a list"],
    ['LIST_RECORDS', { limit: '5' }, "'limit' of LIST_RECORDS must be an integer of at least 1"],
    ['LIST_RECORDS', { limt: 5 }, "LIST_RECORDS has no field 'limt'"],
    ['ALTER_STATE', { drop_fields: [1] }, "'drop_fields' of ALTER_STATE must be a list of strings"],
    [
      'ALTER_STATE',
      { max_length: 0 },
      "'max_length' of ALTER_STATE must be an integer of at least 1, or null for no bound",
    ],
    ['LIST_STATES', { state: 'a' }, "LIST_STATES has no field 'state'"],
    ['PING', { state: 'a' }, "PING has no field 'state'"],
    ['CREATE_STATE', { kind: 'set' }, "'kind' of CREATE_STATE must be 'table', 'keys' or 'machine'"],
  ])('says of %s %j what is wrong', (name, fields, problem) => {
    expect(argumentsProblem(name, fields)).toBe(problem)
  })

  it('names the argument whose value is no JSON, and looks before anything is decided', () => {
    expect(argumentsProblem('CREATE_RECORD', { data: { a: JSON.parse('1e400') } })).toBe(
      "a number is not finite, in 'data' of CREATE_RECORD",
    )
    expect(argumentsProblem('SET_RECORD', { id: '\ud800', data: {} })).toBe(
      "a string holds a lone surrogate, in 'id' of SET_RECORD",
    )
    expect(argumentsProblem('CREATE_RECORD', JSON.parse('{"data":{"__proto__":1}}') as JsonObject)).toBe(
      "the field name '__proto__' is not allowed, in 'data' of CREATE_RECORD",
    )
  })

  it('shows a strange field in short, and without what a terminal would obey', () => {
    expect(argumentsProblem('PING', { ['\u001b[31m\u202e']: 1 })).toBe("PING has no field '\ufffd[31m\ufffd'")
    expect(argumentsProblem('PING', { ['x'.repeat(10_000)]: 1 })).toBe(`PING has no field '${'x'.repeat(100)}\u2026'`)
    // A pair that the cut would halve.
    expect(argumentsProblem('PING', { [`${'x'.repeat(99)}\u{1f600}`]: 1 })).toBe(
      `PING has no field '${'x'.repeat(99)}\ufffd\u2026'`,
    )
  })

  it.each(['constructor', 'toString', 'hasOwnProperty'])('does not take %s for an argument', (field) => {
    expect(argumentsProblem('PING', { [field]: 1 })).toBe(`PING has no field '${field}'`)
  })
})

function isOptional(name: CommandName, field: string): boolean {
  const type = declarationOf(name).args[field]
  return type !== undefined && '~optional' in type
}
