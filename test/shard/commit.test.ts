// What a shard tells before, at and after a commit, whatever the journal answers.
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { CommitOutcome } from '../../src/journal/journal.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ShardHarness, settled } from '../support/shard-harness.ts'

const create = { cmd: 'CREATE_STATE', state: 'jobs' }
const add = (name: string): JsonObject => ({ cmd: 'CREATE_RECORD', state: 'jobs', data: { name } })
const get = (id: number): JsonObject => ({ cmd: 'GET_RECORD', state: 'jobs', id })
const patch = (id: number, name: string): JsonObject => ({ cmd: 'PATCH_RECORD', state: 'jobs', id, data: { name } })
const list = { cmd: 'LIST_RECORDS', state: 'jobs' }
const info = { cmd: 'GET_STATE_INFO', state: 'jobs' }
const full: CommitOutcome = { outcome: 'refused', code: 'STORAGE_FULL' }

/** A shard with the state `jobs` and one record. */
async function prepared(store = new Store()): Promise<{ harness: ShardHarness; journal: KeepingJournal }> {
  const journal = new KeepingJournal(store)
  const harness = await ShardHarness.started({ journal })
  await harness.call(create)
  await harness.call(add('one'))
  return { harness, journal }
}

describe('a batch that is being committed', () => {
  // However slow the machine is, what is posted at once is one batch.
  beforeEach(() => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now())
    onTestFinished(() => clock.mockRestore())
  })

  it('has no reply out, not even of a read that stands before the write', async () => {
    const { harness, journal } = await prepared()
    let release: (outcome: CommitOutcome) => void = () => {}
    journal.plan = () => new Promise((resolve) => (release = resolve))
    const ids = harness.post(get(1), patch(1, 'two'), get(1))
    await settled()
    expect(ids.map((id) => harness.reply(id))).toEqual([undefined, undefined, undefined])
    release(committed)
    await settled()
    expect(harness.reply(ids[0] as number)).toMatchObject({ record: { id: 1, name: 'one' }, version: 1 })
    expect(harness.reply(ids[1] as number)).toMatchObject({ status: 'ok', patched: true, version: 2 })
    expect(harness.reply(ids[2] as number)).toMatchObject({ record: { id: 1, name: 'two' }, version: 2 })
  })

  it('lets nothing else be decided meanwhile', async () => {
    const { harness, journal } = await prepared()
    let release: (outcome: CommitOutcome) => void = () => {}
    journal.plan = () => new Promise((resolve) => (release = resolve))
    harness.post(patch(1, 'two'))
    await settled()
    const steps = harness.progress[0]
    const [later] = harness.post(get(1))
    await settled()
    expect(harness.progress[0]).toBe(steps)
    release(committed)
    await harness.idle()
    expect(harness.reply(later as number)).toMatchObject({ record: { name: 'two' } })
  })

  it('is one commit for all its writes, in the order of the mailbox', async () => {
    const store = new Store()
    const { harness } = await prepared(store)
    const before = store.commits.length
    harness.post(add('two'), [add('three'), add('four')], patch(1, 'uno'))
    await harness.idle()
    expect(store.commits.length).toBe(before + 1)
    expect(
      store.commits
        .at(-1)
        ?.changes.map((change) => [change.type, change.subject === 'lock' ? undefined : change.version]),
    ).toEqual([
      ['created', 2],
      ['created', 3],
      ['created', 4],
      ['updated', 5],
    ])
  })
})

describe('a commit that the journal refuses', () => {
  it('leaves everything as it was, answers writes with the code, and reads with what stands', async () => {
    const { harness, journal } = await prepared()
    const before = await harness.call(list)
    const infoBefore = await harness.call(info)
    journal.plan = () => full
    const ids = harness.post(
      patch(1, 'two'),
      get(1),
      [add('three'), get(2), { cmd: 'DELETE_RECORD', state: 'jobs', id: 9 }],
      { cmd: 'DELETE_RECORD', state: 'jobs', id: 1 },
      { cmd: 'SET_STATE', state: 'jobs', data: [{ name: 'other' }] },
      { cmd: 'DELETE_STATE', state: 'jobs' },
      { cmd: 'CREATE_STATE', state: 'more' },
    )
    await harness.idle()
    const replies = ids.map((id) => harness.reply(id))
    const refused = { status: 'error', code: 'STORAGE_FULL' }
    expect(replies).toMatchObject([
      refused,
      { status: 'ok', record: { id: 1, name: 'one' }, version: 1 },
      [refused, { status: 'ok', record: null, version: 1 }, { status: 'ok', deleted: false }],
      refused,
      refused,
      refused,
      refused,
    ])
    journal.plan = () => committed
    expect(await harness.call(list)).toEqual(before)
    expect(await harness.call(info)).toEqual(infoBefore)
  })

  it('is followed by writes that go on where the last good one stood', async () => {
    const store = new Store()
    const { harness, journal } = await prepared(store)
    journal.plan = () => full
    await harness.call(add('lost'))
    journal.plan = () => committed
    expect(await harness.call(add('two'))).toMatchObject({ status: 'ok', id: 2, version: 2 })
    expect(store.commits.map(({ number }) => number)).toEqual([1, 2, 3])
  })

  it('takes back the writes that stood before a big command in one message', async () => {
    const { harness, journal } = await prepared()
    const rows = Array.from({ length: 1_500 }, (_, index) => ({ name: `row ${index}` }))
    journal.plan = () => full
    const [id] = harness.post([patch(1, 'two'), { cmd: 'SET_STATE', state: 'jobs', data: rows }, get(1)])
    await harness.idle()
    expect(harness.reply(id as number)).toMatchObject([
      { code: 'STORAGE_FULL' },
      { code: 'STORAGE_FULL' },
      { status: 'ok', record: { name: 'one' }, version: 1 },
    ])
  })
})

describe('a disk that is full', () => {
  const remove = (id: number): JsonObject => ({ cmd: 'DELETE_RECORD', state: 'jobs', id })

  it('has what frees space in the batch that did not fit committed, and all else refused', async () => {
    const store = new Store()
    const { harness, journal } = await prepared(store)
    journal.plan = ({ changes }) => {
      journal.isFull = true
      return changes.every(({ type }) => type === 'deleted') ? committed : full
    }
    const ids = harness.post(patch(1, 'two'), [add('three'), get(1)], remove(1), get(1), add('four'))
    await harness.idle()
    const refused = { status: 'error', code: 'STORAGE_FULL' }
    expect(ids.map((id) => harness.reply(id))).toMatchObject([
      refused,
      [refused, { status: 'ok', record: { name: 'one' } }],
      { status: 'ok', deleted: true, version: 2 },
      { status: 'ok', record: null, version: 2 },
      refused,
    ])
    expect(store.commits.at(-1)?.changes).toMatchObject([{ type: 'deleted', version: 2 }])
  })

  it('refuses what frees space as well, where that does not fit either', async () => {
    const { harness, journal } = await prepared()
    journal.plan = () => {
      journal.isFull = true
      return full
    }
    const ids = harness.post(add('two'), remove(1), get(1))
    await harness.idle()
    expect(ids.map((id) => harness.reply(id))).toMatchObject([
      { code: 'STORAGE_FULL' },
      { code: 'STORAGE_FULL' },
      { status: 'ok', record: { name: 'one' }, version: 1 },
    ])
  })

  it('costs a write no commit, however often it is sent, and a big one no step', async () => {
    const { harness, journal } = await prepared()
    let asked = 0
    journal.plan = () => {
      asked += 1
      return committed
    }
    journal.isFull = true
    const rows = Array.from({ length: 1_500 }, (_, index) => ({ name: `row ${index}` }))
    for (const write of [add('two'), patch(1, 'uno'), { cmd: 'SET_STATE', state: 'jobs', data: rows }]) {
      expect(await harness.call(write)).toMatchObject({ code: 'STORAGE_FULL' })
    }
    expect(asked).toBe(0)
    expect(await harness.call(remove(1))).toMatchObject({ deleted: true })
    journal.isFull = false
    expect(await harness.call(add('two'))).toMatchObject({ status: 'ok' })
  })
})

describe('a commit that fails for another reason than space', () => {
  it('tells its writes the reason, and its reads what stands', async () => {
    const { harness, journal } = await prepared()
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FAILED', reason: 'database is locked' })
    expect(await harness.call([add('two'), get(1)])).toMatchObject([
      { code: 'STORAGE_FAILED', reason: 'database is locked' },
      { status: 'ok', record: { name: 'one' } },
    ])
  })
})

describe('a commit whose outcome is unknown', () => {
  it('ends the shard without a word, and the next one knows only what was committed', async () => {
    const store = new Store()
    const { harness, journal } = await prepared(store)
    journal.plan = () => ({ outcome: 'unknown', reason: 'fsync failed' })
    const ids = harness.post(get(1), add('two'))
    await settled()
    expect(ids.map((id) => harness.reply(id))).toEqual([undefined, undefined])
    expect(String(harness.failures)).toContain('fsync failed')
    harness.post(get(1))
    expect(await harness.turn()).toBe(false)

    const next = await ShardHarness.started({ journal: new KeepingJournal(store) })
    expect(await next.call(list)).toMatchObject({ records: [{ id: 1, name: 'one' }], version: 1 })
    expect(await next.call(add('two'))).toMatchObject({ id: 2, version: 2 })
  })
})

describe('a bug in the middle of a batch', () => {
  it('ends the shard before anything of the batch is told', async () => {
    let armed = false
    const harness = await ShardHarness.started({
      probe: (point) => {
        if (armed && point === 'release') throw new Error('broken')
      },
    })
    await harness.call(create)
    armed = true
    const [id] = harness.post(add('one'))
    await settled()
    expect(harness.reply(id as number)).toBeUndefined()
    expect(harness.failures).toHaveLength(1)
  })
})

describe('stopping', () => {
  it('answers what was received first, and closes the journal after', async () => {
    const { harness } = await prepared()
    const rows = Array.from({ length: 3_000 }, (_, index) => ({ name: `row ${index}` }))
    const [id] = harness.post({ cmd: 'SET_STATE', state: 'jobs', data: rows })
    const stopped = harness.shard.stop()
    await harness.idle()
    await stopped
    expect(harness.reply(id as number)).toMatchObject({ accepted: 3_000 })
    await expect(harness.shard.stop()).resolves.toBeUndefined()
  })
})
