// The codes of refusals, as clients know them: their classes, their words, and what a client may conclude.
import { describe, expect, it } from 'vitest'
import {
  type DetailsOf,
  type ErrorCode,
  errorTable,
  isErrorCode,
  isRetryable,
  mayHaveRun,
  refusal,
  refusalReply,
} from '../../src/protocol/errors.ts'

type Rows = { [Code in ErrorCode]: [DetailsOf<Code>, string][] }

// Every code with details as they occur, and the words that come of them.
const words: Rows = {
  INVALID_JSON: [[{ reason: 'the text is empty' }, 'Invalid JSON: the text is empty']],
  INVALID_REQUEST: [[{ reason: "'cmd' must be a string" }, "Invalid request: 'cmd' must be a string"]],
  UNKNOWN_COMMAND: [[{ command: 'X' }, "Unknown command 'X'"]],
  LIMIT_EXCEEDED: [[{ what: 'The size', limit: 5 }, 'The size exceeds the limit (5)']],
  UNSUPPORTED: [
    [{ what: 'codec 9' }, 'Unsupported: codec 9'],
    [{ what: 'the keyword $ref', path: '/a' }, "Unsupported at '/a': the keyword $ref"],
    [{ what: 'the keyword $ref', path: '' }, "Unsupported at '': the keyword $ref"],
  ],
  STATE_NOT_FOUND: [[{ state: 'x' }, "State 'x' not found"]],
  STATE_EXISTS: [[{ state: 'x' }, "State 'x' already exists"]],
  SCHEMA_MISMATCH: [
    [{ missing: ['a'] }, "Record does not match the schema: missing fields {'a'}"],
    [{ unknown: ['a', 'b'] }, "Record does not match the schema: unknown fields {'a', 'b'}"],
    [
      { missing: ['a'], unknown: ['b'], row: 0 },
      "Row 0 does not match the schema: missing fields {'a'}, unknown fields {'b'}",
    ],
    [{ path: '/a', expected: 'a string', row: 3 }, "Row 3 does not match the schema: '/a' must be a string"],
    [{ path: '', expected: 'an object' }, "Record does not match the schema: '' must be an object"],
  ],
  UNKNOWN_FIELDS: [
    [{ fields: ['priority'] }, "PATCH contains unknown fields: {'priority'}"],
    [{ fields: ['priority', 'z'] }, "PATCH contains unknown fields: {'priority', 'z'}"],
  ],
  KEY_REUSED: [[{ idempotency_key: 'k' }, "The idempotency key 'k' was used with another command"]],
  REFUSED_BY_HOOK: [[{ reason: 'no such customer' }, 'Refused by a hook: no such customer']],
  MAX_LENGTH_REACHED: [[{ state: 'campaign', max_length: 1500 }, "State 'campaign' has reached max_length (1500)"]],
  RECORD_EXISTS: [
    [{ id: 1 }, 'Record 1 already exists'],
    [{ id: 'a' }, 'Record "a" already exists'],
  ],
  DUPLICATE_ID: [[{ id: 'a', row: 7 }, 'Row 7 repeats the id "a"']],
  ID_IMMUTABLE: [[{ id: 1 }, 'The id of record 1 cannot be changed']],
  WRONG_KIND: [
    [{ state: 'x', kind: 'keys', expected: 'table' }, "State 'x' is of kind 'keys', and the command is for 'table'"],
  ],
  KEY_EXISTS: [[{ key: 'a/b' }, "Key 'a/b' already exists"]],
  WRONG_TYPE: [[{ key: 'a', expected: 'a list' }, "The value of key 'a' is not a list"]],
  VERSION_CONFLICT: [
    [{ expected: 3, found: 5 }, 'Conflict: expected version 3, found 5'],
    [{ expected: { a: 1 }, found: { a: 2 } }, 'Conflict: the record is not as expected'],
  ],
  FENCED: [[{ lock: 'deploy', token: 3, newest: 5 }, "Lock 'deploy' was granted with token 5 since token 3"]],
  LOCK_NOT_HELD: [[{ lock: 'deploy' }, "Lock 'deploy' is held by another owner"]],
  SNAPSHOT_NOT_FOUND: [
    [{}, 'There is no snapshot yet'],
    [{ label: 'nightly' }, "Snapshot 'nightly' not found"],
    [{ label: 'nightly', state: 'leads' }, "Snapshot 'nightly' holds no state 'leads'"],
  ],
  SNAPSHOT_DAMAGED: [
    [
      { label: 'nightly', shard: 1, reason: 'a chunk is missing' },
      "Snapshot 'nightly' is damaged on shard 1: a chunk is missing",
    ],
  ],
  COMPACTED: [
    [
      { state: 'leads', since: 3, oldest: 7, version: 9 },
      "The changes of 'leads' after version 3 are gone: the oldest that is kept is 7",
    ],
  ],
  TRANSACTION_FAILED: [
    [
      { index: 2, cause: { code: 'KEY_EXISTS', message: "Key 'a' already exists" } },
      "Operation 2 was refused: Key 'a' already exists",
    ],
  ],
  INVALID_DEFINITION: [[{ path: '/type', reason: 'no type' }, "Invalid definition at '/type': no type"]],
  INSTANCE_EXISTS: [
    [{ id: 1 }, 'Instance 1 already exists'],
    [{ id: 'a' }, 'Instance "a" already exists'],
  ],
  INSTANCE_NOT_FOUND: [[{ id: 'a' }, 'Instance "a" not found']],
  INVALID_TRANSITION: [
    [{ event: 'GO', value: 'idle', can: ['STOP', 'WAIT'] }, "'GO' is not possible from \"idle\", but {'STOP', 'WAIT'}"],
    [{ event: 'GO', value: { a: 'b' }, can: [] }, `'GO' is not possible from {"a":"b"}`],
    [{ field: 'status', value: 'open', can: ['done'] }, "field 'status' cannot go there from \"open\", but {'done'}"],
    [
      { field: 'status', value: null, can: ['open'], row: 3 },
      "Row 3: field 'status' cannot go there at first, but {'open'}",
    ],
  ],
  BACKUP_EXISTS: [[{ name: 'nightly' }, "Backup 'nightly' already exists"]],
  OVERLOADED: [[{ what: 'the mailbox is full' }, 'Overloaded: the mailbox is full']],
  SHARD_RECOVERING: [[{ shard: 0 }, 'Shard 0 is recovering']],
  SHUTTING_DOWN: [[{}, 'The daemon is shutting down']],
  STORAGE_FULL: [[{}, 'The storage is full']],
  STORAGE_FAILED: [[{ reason: 'disk I/O error' }, 'The storage cannot be written: disk I/O error']],
  SHARD_CORRUPT: [[{ shard: 1, lost: ["state 'a'", "state 'b'"] }, "Shard 1 is damaged: state 'a'; state 'b'"]],
  QUARANTINED: [
    [
      { shard: 1, deaths: 3, reason: 'hung', last_command: null },
      'Shard 1 is quarantined after 3 deaths; of the last the reason is: hung',
    ],
  ],
  SESSION_EXPIRED: [[{ number: 7 }, 'What became of write message 7 is not known any more']],
  OUTCOME_UNKNOWN: [[{ reason: 'shard 0 stopped' }, 'The outcome is unknown: shard 0 stopped']],
}

const codes = Object.keys(words) as ErrorCode[]

describe('a refusal', () => {
  it.each(codes)('with the code %s is put into whole words', (code) => {
    for (const [details, message] of words[code]) {
      expect(refusal(code, details as never)).toEqual({ code, message, details })
      expect(message).not.toMatch(/undefined|\[object/)
    }
  })

  it('becomes a reply with its details beside its code and message', () => {
    expect(refusalReply(refusal('MAX_LENGTH_REACHED', { state: 'campaign', max_length: 1500 }))).toEqual({
      status: 'error',
      code: 'MAX_LENGTH_REACHED',
      message: "State 'campaign' has reached max_length (1500)",
      state: 'campaign',
      max_length: 1500,
    })
  })
})

describe('the class of a code', () => {
  // As the documentation has it: clients decide by it whether to send again.
  const classes: Record<string, string> = {
    request: 'INVALID_JSON INVALID_REQUEST UNKNOWN_COMMAND LIMIT_EXCEEDED UNSUPPORTED',
    state: `STATE_NOT_FOUND STATE_EXISTS WRONG_KIND SCHEMA_MISMATCH UNKNOWN_FIELDS MAX_LENGTH_REACHED RECORD_EXISTS
      DUPLICATE_ID ID_IMMUTABLE KEY_EXISTS WRONG_TYPE VERSION_CONFLICT TRANSACTION_FAILED FENCED LOCK_NOT_HELD
      INVALID_DEFINITION INVALID_TRANSITION INSTANCE_EXISTS INSTANCE_NOT_FOUND SNAPSHOT_NOT_FOUND COMPACTED KEY_REUSED
      REFUSED_BY_HOOK BACKUP_EXISTS`,
    'try again': 'OVERLOADED SHARD_RECOVERING SHUTTING_DOWN',
    storage: 'STORAGE_FULL STORAGE_FAILED SHARD_CORRUPT SNAPSHOT_DAMAGED QUARANTINED',
    access: 'UNAUTHENTICATED FORBIDDEN',
    unknown: 'OUTCOME_UNKNOWN SESSION_EXPIRED INTERNAL',
  }
  const classOf = new Map(
    Object.entries(classes).flatMap(([name, list]) => list.split(/\s+/).map((code): [string, string] => [code, name])),
  )

  it.each(Object.keys(errorTable) as ErrorCode[])('%s is the documented one', (code) => {
    expect(errorTable[code].class).toBe(classOf.get(code))
  })

  it.each(Object.keys(errorTable) as ErrorCode[])('%s says what it says for all codes of its class', (code) => {
    const name = classOf.get(code)
    expect(isRetryable(code)).toBe(name === 'try again' || code.startsWith('STORAGE_'))
    expect(mayHaveRun(code)).toBe(name === 'unknown')
  })

  it('of every code comes with a sentence on what the code means', () => {
    for (const code of codes) expect(errorTable[code].meaning).toMatch(/^[A-Z].+\.$/)
  })
})

describe('isErrorCode', () => {
  it('knows the codes of the table and nothing else', () => {
    for (const code of codes) expect(isErrorCode(code)).toBe(true)
    for (const other of [
      '',
      'toString',
      'constructor',
      '__proto__',
      'state_not_found',
      null,
      5,
      undefined,
      ['FENCED'],
    ]) {
      expect(isErrorCode(other)).toBe(false)
    }
  })
})
