// The registry as clients know it. This table is a promise to programs that are already written: numbers are never given
// again, arguments are only appended. A new command is a new line here; a changed line breaks somebody.

import Type from 'typebox'
import { describe, expect, it } from 'vitest'
import { type CommandName, commandNames, commands, declarationOf, findCommand } from '../../src/protocol/commands.ts'

const golden: [CommandName, number, string, boolean, string[]][] = [
  ['PING', 1, 'router', false, []],
  ['HELLO', 2, 'router', false, []],
  ['STATS', 3, 'shards', false, []],
  [
    'CREATE_STATE',
    4,
    'state',
    true,
    ['max_length?', 'kind?', 'schema?', 'definition?', 'history_limit?', 'machine?', 'fields?', 'next_id?'],
  ],
  ['DELETE_STATE', 5, 'state', true, []],
  ['LIST_STATES', 6, 'shards', false, ['prefix?', 'limit?', 'after?']],
  ['GET_STATE_INFO', 7, 'state', false, []],
  ['GET_SCHEMA', 8, 'state', false, []],
  ['SET_STATE', 9, 'state', true, ['data']],
  ['CREATE_RECORD', 10, 'state', true, ['data', 'imported?']],
  ['SET_RECORD', 11, 'state', true, ['id', 'data', 'if?', 'imported?']],
  ['PATCH_RECORD', 12, 'state', true, ['id', 'data', 'if?']],
  ['DELETE_RECORD', 13, 'state', true, ['id', 'if?']],
  ['GET_RECORD', 14, 'state', false, ['id']],
  ['LIST_RECORDS', 15, 'state', false, ['limit?', 'after?']],
  ['ALTER_STATE', 16, 'state', true, ['max_length?', 'add_fields?', 'drop_fields?']],
  ['RESERVE_IDS', 40, 'state', true, ['count']],
  ['SET_KEY', 17, 'state', true, ['key', 'value', 'ttl?', 'encoding?']],
  ['GET_KEY', 18, 'state', false, ['key', 'default?']],
  ['DELETE_KEY', 19, 'state', true, ['key']],
  ['KEY_EXISTS', 20, 'state', false, ['key']],
  ['GET_VERSION', 21, 'state', false, ['key']],
  ['LIST_KEYS', 22, 'state', false, ['pattern?', 'prefix?', 'limit?', 'after?']],
  ['CLEAR_KEYS', 23, 'state', true, ['pattern?']],
  ['SET_TTL', 24, 'state', true, ['key', 'ttl']],
  ['GET_TTL', 25, 'state', false, ['key']],
  ['INCREMENT_KEY', 26, 'state', true, ['key', 'by?', 'ttl?']],
  ['DECREMENT_KEY', 27, 'state', true, ['key', 'by?', 'ttl?']],
  ['APPEND_KEY', 28, 'state', true, ['key', 'value']],
  ['COMPARE_SWAP', 29, 'state', true, ['key', 'old', 'new', 'ttl?']],
  ['COMPARE_AND_SET', 30, 'state', true, ['key', 'value', 'version?', 'revision?', 'ttl?']],
  ['CREATE_KEY', 31, 'state', true, ['key', 'value', 'ttl?']],
  ['PUSH_LIST', 32, 'state', true, ['key', 'item', 'end?']],
  ['LIST_LENGTH', 33, 'state', false, ['key']],
  ['POP_LIST', 34, 'state', true, ['key', 'end?', 'wait?', 'lease?']],
  ['ACK_ITEM', 35, 'state', true, ['key', 'token']],
  ['RETURN_ITEM', 36, 'state', true, ['key', 'token']],
  ['CREATE_INSTANCE', 48, 'state', true, ['id?', 'context?', 'value?']],
  ['SEND_EVENT', 49, 'state', true, ['id', 'event', 'data?', 'expected?']],
  ['GET_INSTANCE', 50, 'state', false, ['id']],
  ['LIST_INSTANCES', 51, 'state', false, ['in_state?', 'limit?', 'after?']],
  ['GET_HISTORY', 52, 'state', false, ['id']],
  ['DELETE_INSTANCE', 53, 'state', true, ['id']],
  ['SET_DEFINITION', 54, 'state', true, ['definition', 'migrate?', 'history_limit?']],
  ['LIST_QUARANTINED', 60, 'router', false, []],
  ['RELEASE_SHARD', 61, 'router', true, ['shard']],
  ['BACKUP', 88, 'cuts', true, ['name']],
  ['SLOWLOG', 89, 'shards', false, ['limit?', 'reset?']],
  ['TRY_LOCK', 64, 'state', true, ['ttl?', 'owner?']],
  ['LOCK', 65, 'state', true, ['ttl?', 'timeout?', 'owner?']],
  ['EXTEND_LOCK', 66, 'state', true, ['owner', 'token?', 'ttl?']],
  ['UNLOCK', 67, 'state', true, ['owner', 'token?']],
  ['GET_LOCK', 68, 'state', false, []],
  ['LIST_LOCKS', 69, 'shards', false, ['pattern?', 'limit?', 'after?']],
  ['GET_CHANGES', 72, 'state', false, ['since', 'prefix?', 'limit?', 'wait?']],
  ['TRANSACTION', 80, 'operations', true, ['ops']],
  ['CREATE_SNAPSHOT', 84, 'cuts', true, ['label', 'states?']],
  ['LIST_SNAPSHOTS', 85, 'cuts', false, []],
  ['RESTORE_SNAPSHOT', 86, 'cuts', true, ['label?', 'states?']],
  ['DELETE_SNAPSHOT', 87, 'cuts', true, ['label']],
]

function argumentNames(name: CommandName): string[] {
  return Object.entries(declarationOf(name).args).map(([field, type]) => (Type.IsOptional(type) ? `${field}?` : field))
}

describe('the registry', () => {
  it.each(golden)('declares %s as it always has', (name, opcode, routing, writes, args) => {
    expect(commands[name]).toMatchObject({ opcode, routing, writes })
    // At least these, in this order: later ones may have been appended.
    expect(argumentNames(name).slice(0, args.length)).toEqual(args)
  })

  it('has a line in this table for every command', () => {
    expect(commandNames).toEqual(golden.map(([name]) => name))
  })

  it('gives no number twice', () => {
    expect(new Set(commandNames.map((name) => commands[name].opcode)).size).toBe(commandNames.length)
  })

  it('appends optional arguments only, so that a request of yesterday stays whole', () => {
    for (const [name, , , , args] of golden) {
      const appended = argumentNames(name).slice(args.length)
      expect(appended.filter((field) => !field.endsWith('?'))).toEqual([])
    }
  })

  it('says of every command in one sentence what it does', () => {
    for (const name of commandNames) expect(commands[name].summary).toMatch(/^[A-Z][^\n]+\.$/)
  })
})

describe('findCommand', () => {
  it.each(['PATCH_RECORD', 'patch_record', 'Patch_Record', 'pATCH_rECORD'])('finds %s', (name) => {
    expect(findCommand(name)).toBe('PATCH_RECORD')
  })

  it.each(['', 'patch', 'PATCH-RECORD', 'PATCH_RECORD ', 'toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    "finds nothing in '%s'",
    (name) => {
      expect(findCommand(name)).toBeUndefined()
    },
  )
})
