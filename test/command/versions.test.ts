// Versions: every change takes exactly one of its state, what changes nothing takes none, and no version of a name ever
// stands for two things.
import { describe, expect, it } from 'vitest'
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { session, table } from '../support/session.ts'

describe('the version of a state', () => {
  it.each<[string, CommandName, JsonObject]>([
    ['a creation', 'CREATE_RECORD', { data: { name: 'Cid' } }],
    ['a replacement', 'SET_RECORD', { id: 1, data: { name: 'Cid' } }],
    ['a replacement that adds', 'SET_RECORD', { id: 9, data: { name: 'Cid' } }],
    ['a replacement by equal values', 'SET_RECORD', { id: 1, data: { name: 'Ann' } }],
    ['a patch', 'PATCH_RECORD', { id: 1, data: { name: 'Cid' } }],
    ['a patch with an equal value', 'PATCH_RECORD', { id: 1, data: { name: 'Ann' } }],
    ['a patch of nothing', 'PATCH_RECORD', { id: 1, data: {} }],
    ['a deletion', 'DELETE_RECORD', { id: 1 }],
    ['SET_STATE, however many rows it brings', 'SET_STATE', { data: [{ name: 'x' }, { name: 'y' }, { name: 'z' }] }],
    ['SET_STATE to what stands', 'SET_STATE', { data: [{ name: 'Ann' }, { name: 'Bob' }] }],
    ['SET_STATE to nothing', 'SET_STATE', { data: [] }],
    ['an alteration of all records', 'ALTER_STATE', { add_fields: { status: 'open' } }],
    ['an alteration of the bound', 'ALTER_STATE', { max_length: 5 }],
    ['an alteration of nothing', 'ALTER_STATE', {}],
    ['the end of the state', 'DELETE_STATE', {}],
  ])('rises by one with %s', async (_what, name, fields) => {
    const t = await table({ name: 'Ann' }, { name: 'Bob' })
    expect(await t.ok(name, fields)).toMatchObject({ version: 3 })
  })

  it.each<[string, CommandName, JsonObject]>([
    ['a patch of a record that is not there', 'PATCH_RECORD', { id: 9, data: { name: 'Cid' } }],
    ['a deletion of a record that is not there', 'DELETE_RECORD', { id: 9 }],
    ['a read', 'GET_RECORD', { id: 1 }],
    ['a read of nothing', 'GET_RECORD', { id: 9 }],
    ['a list', 'LIST_RECORDS', {}],
    ['a description', 'GET_STATE_INFO', {}],
    ['a look at the schema', 'GET_SCHEMA', {}],
  ])('stays with %s, whose reply says it', async (_what, name, fields) => {
    const t = await table({ name: 'Ann' }, { name: 'Bob' })
    expect(await t.ok(name, fields)).toMatchObject({ version: 2 })
    expect(await t.version()).toBe(2)
  })

  it('stays with a refusal, whose reply has none', async () => {
    const t = await table({ name: 'Ann' })
    expect(await t.refused('CREATE_RECORD', { data: { id: 1, name: 'Bob' } })).not.toHaveProperty('version')
  })

  it('is the revision of a record at its last write', async () => {
    const t = await table({ name: 'Ann' }, { name: 'Bob' })
    await t.ok('PATCH_RECORD', { id: 1, data: { name: 'Ann' } })
    await t.ok('CREATE_RECORD', { data: { name: 'Cid' } })
    const revision = async (id: number) => (await t.ok('GET_RECORD', { id })).revision
    expect([await revision(1), await revision(2), await revision(3)]).toEqual([3, 2, 4])
    await t.ok('ALTER_STATE', { max_length: 9 })
    expect(await revision(1)).toBe(3)
    await t.ok('ALTER_STATE', { add_fields: { status: null } })
    expect([await revision(1), await revision(3)]).toEqual([6, 6])
    await t.ok('SET_STATE', { data: [{ name: 'x', status: 1 }] })
    expect([await revision(1), await revision(3)]).toEqual([7, 0])
  })

  it('goes on after the version at which the name was deleted', async () => {
    const t = await table({ name: 'Ann' })
    await t.ok('CREATE_STATE', { state: 'other' })
    expect(await t.ok('DELETE_STATE')).toEqual({ version: 2 })
    expect(await t.ok('CREATE_STATE')).toMatchObject({ version: 3 })
    expect(await t.ok('DELETE_STATE')).toEqual({ version: 4 })
    expect(await t.ok('CREATE_STATE')).toMatchObject({ version: 5 })
    expect(await t.version('other')).toBe(0)
  })
})

describe('names that were deleted too long ago to be remembered', () => {
  it('raise the version at which unknown names begin, so that none begins too low', async () => {
    const t = await session({ limits: { deletedNamesPerShardMax: 1 } })
    await t.ok('CREATE_STATE', { state: 'busy' })
    for (let row = 0; row < 8; row += 1) await t.ok('CREATE_RECORD', { state: 'busy', data: {} })
    expect(await t.ok('DELETE_STATE', { state: 'busy' })).toEqual({ version: 9 })
    await t.ok('CREATE_STATE', { state: 'quiet' })
    expect(await t.version('quiet')).toBe(0)
    // Now 'busy' is forgotten for 'quiet'.
    expect(await t.ok('DELETE_STATE', { state: 'quiet' })).toEqual({ version: 1 })

    expect(await t.ok('CREATE_STATE', { state: 'new' })).toMatchObject({ version: 10 })
    expect(await t.ok('CREATE_STATE', { state: 'busy' })).toMatchObject({ version: 10 })
    // What is remembered goes on where it was.
    expect(await t.ok('CREATE_STATE', { state: 'quiet' })).toMatchObject({ version: 2 })
  })

  it('never lower it, however low their own versions were', async () => {
    const t = await session({ limits: { deletedNamesPerShardMax: 1 } })
    for (const state of ['busy', 'calm', 'mild']) await t.ok('CREATE_STATE', { state })
    for (let row = 0; row < 5; row += 1) await t.ok('CREATE_RECORD', { state: 'busy', data: {} })
    const versions = []
    for (const state of ['busy', 'calm', 'mild']) versions.push((await t.ok('DELETE_STATE', { state })).version)
    expect(versions).toEqual([6, 1, 1])

    // Of 'busy' only the floor is left; 'calm' was forgotten for it to no effect.
    for (const state of ['new', 'busy', 'mild']) {
      expect(await t.ok('CREATE_STATE', { state })).toMatchObject({ version: 7 })
    }
    expect(await t.ok('DELETE_STATE', { state: 'new' })).toEqual({ version: 8 })
    expect(await t.ok('CREATE_STATE', { state: 'calm' })).toMatchObject({ version: 7 })
    expect(await t.ok('CREATE_STATE', { state: 'new' })).toMatchObject({ version: 9 })
  })
})
