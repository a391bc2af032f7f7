// One shard with contents of every kind: what is stored of them is looked at, damaged and repaired by several tests.
import type { JsonObject } from '../../src/protocol/value.ts'
import type { ShardHarness } from './shard-harness.ts'

const definition: JsonObject = {
  initial: 'pending',
  states: {
    pending: { on: { process: 'processing' } },
    processing: { on: { complete: 'indexed', fail: 'failed' }, after: { '600000': 'failed' } },
    indexed: { type: 'final' },
    failed: { on: { retry: 'pending' } },
  },
}

/** Names that were deleted, and remembered with their versions. */
export const deletedNames = ['gone', 'left']

/** The commands that make `size` of everything: tables with and without schema, keys, lists, leases, machines. */
export function everyKind(size: number): JsonObject[] {
  const numbers = Array.from({ length: size }, (_, index) => index + 1)
  const schema = { properties: { n: { type: 'integer' }, text: { type: 'string' } }, required: ['n'] }
  return [
    { cmd: 'CREATE_STATE', state: 'leads', schema, max_length: 100_000 },
    ...numbers.map((n) => ({ cmd: 'CREATE_RECORD', state: 'leads', data: { n, text: 'some text to be flipped' } })),
    { cmd: 'SET_STATE', state: 'replaced', data: numbers.map((n) => ({ n, list: [n, null, 'x'] })) },
    { cmd: 'SET_STATE', state: 'replaced', data: numbers.map((n) => ({ id: `r${n}`, n, list: [n] })) },
    ...numbers.map((n) => ({ cmd: 'SET_KEY', state: 'keys', key: `k/${n}`, value: { n, text: 'a value of a key' } })),
    { cmd: 'SET_KEY', state: 'keys', key: 'short', value: 'AAEC', encoding: 'base64', ttl: 1_000_000 },
    { cmd: 'SET_KEY', state: 'keys', key: 'jobs', value: [1, 2] },
    ...numbers.map((n) => ({ cmd: 'PUSH_LIST', state: 'keys', key: 'jobs', item: { job: n } })),
    { cmd: 'PUSH_LIST', state: 'keys', key: 'jobs', item: 'first', end: 'first' },
    { cmd: 'PUSH_LIST', state: 'keys', key: 'jobs', item: 'before', end: 'first' },
    { cmd: 'POP_LIST', state: 'keys', key: 'jobs', lease: 60 },
    { cmd: 'POP_LIST', state: 'keys', key: 'jobs', end: 'first', lease: 90 },
    { cmd: 'CREATE_STATE', state: 'sources', kind: 'machine', definition, history_limit: 3 },
    ...numbers.flatMap((id) => [
      { cmd: 'CREATE_INSTANCE', state: 'sources', id, context: { url: `https://example.org/${id}` } },
      { cmd: 'SEND_EVENT', state: 'sources', id, event: 'process' },
      ...(id % 2 === 0 ? [{ cmd: 'SEND_EVENT', state: 'sources', id, event: 'fail', data: { why: 'no' } }] : []),
    ]),
    ...deletedNames.flatMap((state) => [
      { cmd: 'CREATE_STATE', state },
      { cmd: 'CREATE_RECORD', state, data: { n: 1 } },
      { cmd: 'DELETE_STATE', state },
    ]),
  ]
}

export async function fill(shard: ShardHarness, size: number): Promise<void> {
  const ids = everyKind(size).map((command) => {
    const creates = command.cmd === 'SET_STATE' ? [{ cmd: 'CREATE_STATE', state: command.state as string }] : []
    return shard.post(...creates, command).at(-1) as number
  })
  await shard.idle()
  for (const id of ids) {
    const reply = shard.reply(id) as JsonObject
    if (reply.status !== 'ok') throw new Error(`a state could not be filled: ${JSON.stringify(reply)}`)
  }
}
