// The part of one shard in a snapshot: what stands at the cut is what is kept, whatever comes right behind it.
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const cut = { cut: 'snapshot', id: 'a', label: 'x' }

/** Puts back all that was kept. */
async function restore(shard: ShardHarness, states: string[]): Promise<void> {
  const step = async (codec: 'snapshot' | 'transaction', body: JsonObject): Promise<unknown> => {
    const [id] = shard.postEntries([[codec, '', body]])
    await shard.idle()
    await expect
      .poll(() => shard.idle().then(() => (shard.reply(id as number) as JsonObject | null)?.status))
      .toBe('ok')
    return shard.reply(id as number)
  }
  expect(await step('snapshot', { step: 'load', load: 'l', snapshot: 'a', label: 'x' })).toMatchObject({ status: 'ok' })
  const operations = [{ index: 0, restore: { load: 'l', snapshot: 'a', states } }]
  await step('transaction', { step: 'run', operations })
  await step('snapshot', { step: 'unload', load: 'l' })
}

async function kept(shard: ShardHarness, id: number): Promise<void> {
  await expect.poll(() => shard.idle().then(() => (shard.reply(id) as JsonObject | null)?.status)).toBe('ok')
}

const rows = (count: number, n: number): JsonValue[] => Array.from({ length: count }, () => ({ n }))

describe('the part of a shard in a snapshot', () => {
  it('does not show what was written right behind the cut, into short states and long ones', async () => {
    const shard = await ShardHarness.started()
    await shard.call({ cmd: 'SET_KEY', state: 'k', key: 'list', value: [1, 2] })
    await shard.call({ cmd: 'SET_KEY', state: 'k', key: 'a', value: 'before' })
    for (const state of ['short', 'long']) await shard.call({ cmd: 'CREATE_STATE', state })
    await shard.call({ cmd: 'CREATE_RECORD', state: 'short', data: { n: 1 } })
    await shard.call({ cmd: 'SET_STATE', state: 'long', data: rows(1_500, 1) })
    const [id] = shard.postEntries([
      ['cut', '', cut],
      ['values', 'k', { cmd: 'SET_KEY', state: 'k', key: 'a', value: 'behind' }],
      ['values', 'k', { cmd: 'PUSH_LIST', state: 'k', key: 'list', item: 3 }],
      ['values', 'short', { cmd: 'PATCH_RECORD', state: 'short', id: 1, data: { n: 2 } }],
      ['values', 'long', { cmd: 'PATCH_RECORD', state: 'long', id: 1, data: { n: 2 } }],
    ])
    await kept(shard, id as number)
    expect(await shard.call({ cmd: 'GET_KEY', state: 'k', key: 'a' })).toMatchObject({ value: 'behind' })
    await restore(shard, ['k', 'short', 'long'])
    expect(await shard.call({ cmd: 'GET_KEY', state: 'k', key: 'a' })).toMatchObject({ value: 'before' })
    expect(await shard.call({ cmd: 'GET_KEY', state: 'k', key: 'list' })).toMatchObject({ value: [1, 2] })
    for (const state of ['short', 'long']) {
      expect(await shard.call({ cmd: 'GET_RECORD', state, id: 1 })).toMatchObject({ record: { n: 1 } })
    }
  })

  it('passes by a command that takes its steps, which goes on', async () => {
    const shard = await ShardHarness.started()
    await shard.call({ cmd: 'CREATE_STATE', state: 'long' })
    await shard.call({ cmd: 'SET_STATE', state: 'long', data: rows(2_000, 1) })
    const [replaced, id] = shard.postEntries([
      ['values', 'long', { cmd: 'SET_STATE', state: 'long', data: rows(2_500, 2) }],
      ['cut', '', cut],
    ])
    await kept(shard, id as number)
    expect(shard.reply(replaced as number)).toMatchObject({ status: 'ok', accepted: 2_500 })
    await restore(shard, ['long'])
    expect(await shard.call({ cmd: 'GET_STATE_INFO', state: 'long' })).toMatchObject({ current_length: 2_000 })
  })
})
