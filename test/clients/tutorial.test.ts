// The whole tutorial of the Simple State Engine, run by pyzmq against the built daemon: whoever has that client keeps it.
// Replies are compared whole: what the tutorial shows stands first, what Holdfast adds after it.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { daemonOfTest } from '../support/holdfast.ts'
import { describeWithPeer, pythonWithZmq } from '../support/peers.ts'

const script = fileURLToPath(new URL('tutorial.py', import.meta.url))

const info = { status: 'ok', name: 'leads', max_length: 1000, schema: ['id', 'name', 'status'] }
const infoAdded = { kind: 'table', shard: 0, durability: 'memory' }

const expected: readonly (readonly [step: string, shown: object, added: object])[] = [
  ['CREATE_STATE', { status: 'ok' }, { created: true, max_length: 1000, version: 0 }],
  ['GET_SCHEMA before the first write', { status: 'ok', schema: null }, { version: 0 }],
  ['SET_STATE', { status: 'ok', accepted: 2, dropped: 0 }, { version: 1 }],
  ['GET_SCHEMA', { status: 'ok', schema: ['id', 'name', 'status'] }, { version: 1 }],
  ['CREATE_RECORD', { status: 'ok', id: 3 }, { version: 2 }],
  ['GET_RECORD', { status: 'ok', record: { id: 3, name: 'Charlie', status: 'open' } }, { revision: 2, version: 2 }],
  ['PATCH_RECORD', { status: 'ok' }, { patched: true, version: 3 }],
  [
    'PATCH_RECORD of an unknown field',
    { status: 'error', message: "PATCH contains unknown fields: {'priority'}" },
    { code: 'UNKNOWN_FIELDS', fields: ['priority'] },
  ],
  ['SET_RECORD', { status: 'ok' }, { version: 4 }],
  [
    'LIST_RECORDS',
    {
      status: 'ok',
      records: [
        { id: 1, name: 'Alice', status: 'open' },
        { id: 2, name: 'Bob', status: 'archived' },
        { id: 3, name: 'Charlie', status: 'closed' },
      ],
    },
    { version: 4 },
  ],
  ['DELETE_RECORD', { status: 'ok' }, { deleted: true, version: 5 }],
  ['DELETE_RECORD of none, which is no error', { status: 'ok' }, { deleted: false, version: 5 }],
  ['GET_RECORD of none', { status: 'ok', record: null }, { revision: 0, version: 5 }],
  ['CREATE_STATE with a bound', { status: 'ok' }, { created: true, max_length: 1500, version: 0 }],
  ['SET_STATE past the bound', { status: 'ok', accepted: 1500, dropped: 132 }, { version: 1 }],
  [
    'CREATE_RECORD past the bound',
    { status: 'error', message: "State 'campaign' has reached max_length (1500)" },
    { code: 'MAX_LENGTH_REACHED', state: 'campaign', max_length: 1500 },
  ],
  ['GET_STATE_INFO', { ...info, current_length: 2, version: 5 }, { ...infoAdded, next_id: 4 }],
  ['CREATE_RECORD again', { status: 'ok', id: 4 }, { version: 6 }],
  ['PATCH_RECORD by the id as text', { status: 'ok' }, { patched: true, version: 7 }],
  ['GET_STATE_INFO as the tutorial shows it', { ...info, current_length: 3, version: 7 }, { ...infoAdded, next_id: 5 }],
  ['LIST_STATES', { status: 'ok', states: ['campaign', 'leads'] }, {}],
  [
    'CREATE_STATE of one that exists',
    { status: 'error', message: "State 'leads' already exists" },
    { code: 'STATE_EXISTS', state: 'leads' },
  ],
  ['DELETE_STATE', { status: 'ok' }, { version: 2 }],
  [
    'GET_RECORD of a deleted state',
    { status: 'error', message: "State 'campaign' not found" },
    { code: 'STATE_NOT_FOUND', state: 'campaign' },
  ],
  [
    'an unknown command',
    { status: 'error', message: "Unknown command 'FORGET_STATE'" },
    { code: 'UNKNOWN_COMMAND', command: 'FORGET_STATE' },
  ],
]

describeWithPeer('the tutorial, by pyzmq', pythonWithZmq(), (python) => {
  it.each(['1', '0'])('gets the replies that it shows, with --shards %s', async (shards) => {
    const { endpoint } = await daemonOfTest(['--shards', shards])
    const client = spawn(python, [script, endpoint], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [replies, complaints] = await Promise.all([text(client.stdout), text(client.stderr)])
    expect(complaints).toBe('')
    const lines = replies.trim().split('\n')
    expect(lines.map((line, index) => [expected[index]?.[0], JSON.parse(line) as unknown])).toEqual(
      expected.map(([step, shown, added]) => [step, { ...shown, ...added }]),
    )
  })
})
