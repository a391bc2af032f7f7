// GET_CHANGES with `wait`: when a caller is answered and with what; and what a journal that refuses, a new start, other
// names and the bounds of the change log make of it.
import { describe, expect, it } from 'vitest'
import type { FeedMessage } from '../../src/protocol/feed.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { committed, KeepingJournal, Store } from '../support/keeping-journal.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const state = 'k'
const watch = (since: number, fields: JsonObject = {}): JsonObject => ({
  cmd: 'GET_CHANGES',
  state,
  since,
  wait: 10,
  ...fields,
})
const set = (key: string, value = 1): JsonObject => ({ cmd: 'SET_KEY', state, key, value })

async function started(limits = {}, store = new Store()) {
  const journal = new KeepingJournal(store)
  const harness = await ShardHarness.started({ journal, limits })
  const post = async (...commands: (JsonObject | JsonObject[])[]): Promise<number[]> => {
    const ids = harness.post(...commands)
    await harness.idle()
    return ids
  }
  const versions = (id: number | undefined): unknown => {
    const reply = harness.reply(id as number) as { changes: { version: number }[] } | null | undefined
    return reply?.changes.map(({ version }) => version)
  }
  return { harness, journal, post, versions }
}

describe('a caller that waits for changes', () => {
  it('is answered at once where something has happened', async () => {
    const { harness, post } = await started()
    await post(set('a'))
    expect(await harness.call(watch(0))).toMatchObject({ changes: [{ version: 1, key: 'a' }], scanned_to: 1 })
  })

  it('is answered once for a whole batch, as all others that wait', async () => {
    const { harness, post, versions } = await started()
    const ids = await post(watch(-1), watch(-1), watch(-1, { limit: 2 }), watch(-1, { state: 'other' }))
    expect(harness.shard.statistics()).toMatchObject({ waiters: 4 })
    // One message, as commands of several may come to be in several batches.
    await post([set('a'), set('b'), set('c')])
    expect(ids.map(versions)).toEqual([[0, 1, 2, 3], [0, 1, 2, 3], [0, 1], undefined])
    expect(harness.shard.statistics()).toMatchObject({ waiters: 1 })
  })

  it('is not answered before the commit', async () => {
    const { harness, journal, post, versions } = await started()
    await post(set('a'))
    const [id] = await post(watch(1))
    let commit: (() => void) | undefined
    journal.plan = () => new Promise((resolve) => (commit = () => resolve(committed)))
    await post(set('b'))
    expect(versions(id)).toBeUndefined()
    commit?.()
    await harness.idle()
    expect(versions(id)).toEqual([2])
  })

  it('hears nothing of a commit that is refused, and all of the next one', async () => {
    const { harness, journal, post, versions } = await started()
    await post(set('a'))
    const ids = await post(watch(1), watch(1, { prefix: 'c' }))
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    await post(set('b'), set('c'), watch(1))
    expect(ids.map(versions)).toEqual([undefined, undefined])
    expect(harness.shard.statistics()).toMatchObject({ waiters: 3 })
    journal.plan = () => committed
    await post([set('c'), set('d')])
    expect(ids.map(versions)).toEqual([[2, 3], [2]])
    expect(await harness.call(watch(0))).toMatchObject({ changes: [{ key: 'a' }, { key: 'c' }, { key: 'd' }] })
  })

  it('hears what frees space, where only that fits on the disk, and at once', async () => {
    const { harness, journal, post, versions } = await started()
    await post(set('a'))
    const ids = await post(watch(1), watch(1, { prefix: 'b' }))
    journal.plan = ({ changes }) => {
      journal.isFull = true
      return changes.every(({ type }) => type === 'deleted') ? committed : { outcome: 'refused', code: 'STORAGE_FULL' }
    }
    await post([set('b'), { cmd: 'DELETE_KEY', state, key: 'a' }])
    expect(ids.map(versions)).toEqual([[2], undefined])
    expect(await harness.call(watch(0))).toMatchObject({
      changes: [
        { type: 'created', key: 'a' },
        { type: 'deleted', key: 'a', version: 2 },
      ],
    })
  })

  it('hears nothing of a lock, not even of one that has the name of its state', async () => {
    const store = new Store()
    const { harness, post, versions } = await started({}, store)
    const lock = { lock: state, ttl: 10, owner: 'w' }
    const [id] = await post(watch(-1), { cmd: 'TRY_LOCK', ...lock }, { cmd: 'LOCK', ...lock, timeout: 5 })
    harness.postEntries([['watch', state, null]])
    await post({ cmd: 'UNLOCK', lock: state, owner: 'w' })
    expect(versions(id as number)).toBeUndefined()
    await post(set('a'))
    expect(versions(id as number)).toEqual([0, 1])
    const again = await started({}, store)
    expect(await again.harness.call(watch(-1))).toMatchObject({ changes: [{ version: 0 }, { version: 1 }] })
    expect(again.harness.shard.statistics()).toMatchObject({ changesKept: 2 })
  })

  it('hears at its deadline how far it has missed nothing', async () => {
    const { harness, post } = await started()
    await post(set('a'))
    const [none, other] = await post(watch(1), watch(1, { prefix: 'x' }))
    await post({ ...set('b'), state: 'other' })
    harness.advance(10_100)
    await harness.idle()
    expect(harness.reply(none as number)).toMatchObject({ changes: [], scanned_to: 1 })
    const [later] = await post(watch(1, { prefix: 'x' }))
    await post(set('b'), set('c'))
    harness.advance(10_100)
    await harness.idle()
    expect(harness.reply(other as number)).toMatchObject({ changes: [], scanned_to: 1 })
    expect(harness.reply(later as number)).toMatchObject({ changes: [], scanned_to: 3 })
  })

  it('for names with a prefix is answered by those and by what happens to the whole', async () => {
    const { post, versions } = await started()
    await post(set('a/1'))
    const ids = await post(watch(1, { prefix: 'a/' }), watch(1, { prefix: 'b/' }))
    await post(set('c'))
    expect(ids.map(versions)).toEqual([undefined, undefined])
    await post(set('b/1'))
    expect(ids.map(versions)).toEqual([undefined, [3]])
    await post({ cmd: 'DELETE_STATE', state })
    expect(ids.map(versions)).toEqual([[4], [3]])
  })

  it('misses nothing while all else that happens is forgotten', async () => {
    const { harness, post } = await started({ changesLoggedPerShardMax: 3 })
    await post(set('a'))
    const [id, untilItsEnd] = await post(watch(1, { prefix: 'x' }), watch(1, { prefix: 'y', wait: 5 }))
    for (let n = 2; n <= 20; n += 1) await post(set('b', n))
    harness.advance(5_100)
    await harness.idle()
    expect(harness.reply(untilItsEnd as number)).toMatchObject({ changes: [], scanned_to: 20 })
    await post(set('x'), set('b'))
    expect(harness.reply(id as number)).toMatchObject({ changes: [{ version: 21, key: 'x' }], scanned_to: 22 })
  })

  it('hears of a key that came to its end', async () => {
    const { harness, post } = await started()
    await post({ ...set('a'), ttl: 5 })
    const [id] = await post(watch(1))
    harness.advance(5_200)
    await harness.idle()
    expect(harness.reply(id as number)).toMatchObject({ changes: [{ type: 'expired', key: 'a', old_value: 1 }] })
  })

  it('is refused by a shard that drains', async () => {
    const { harness, post } = await started()
    const [id] = await post(watch(-1))
    harness.postEntries([['drain', '', null]])
    await harness.idle()
    expect(harness.reply(id as number)).toMatchObject({ code: 'SHUTTING_DOWN' })
  })
})

describe('a shard that starts again', () => {
  it('goes on telling where the last one ended, of states that are gone too', async () => {
    const store = new Store()
    const first = await started({}, store)
    await first.post(set('a'), set('b'), { ...set('a'), state: 'gone' })
    await first.post({ cmd: 'PUSH_LIST', state, key: 'l', item: { n: 1 } }, { cmd: 'DELETE_STATE', state: 'gone' })
    const again = await started({}, store)
    for (const [name, since] of [
      [state, -1],
      [state, 1],
      ['gone', 0],
    ] as const) {
      const command = watch(since, { state: name })
      expect(await again.harness.call(command)).toEqual(await first.harness.call(command))
    }
    const [id] = await again.post(watch(3))
    await again.post(set('c'))
    expect(again.versions(id)).toEqual([4])
    expect(await again.harness.call(watch(4, { wait: 0 }))).toMatchObject({ changes: [], scanned_to: 4 })
  })
})

describe('a shard that publishes', () => {
  async function publishing() {
    const told: FeedMessage[] = []
    const journal = new KeepingJournal(new Store())
    const harness = await ShardHarness.started({ journal, publish: (messages) => told.push(...messages) })
    const post = async (...commands: (JsonObject | JsonObject[])[]): Promise<void> => {
      harness.post(...commands)
      await harness.idle()
    }
    const notice = async (what: 'watch' | 'unwatch', name: string): Promise<void> => {
      harness.postEntries([[what, name, null]])
      await harness.idle()
    }
    const shortly = () =>
      told.splice(0).map(([name, last, body]) => {
        const { changes = [], first } = JSON.parse(body) as { changes?: { version: number }[]; first?: number }
        return [name, first, last, ...changes.map(({ version }) => version)]
      })
    return { harness, journal, post, notice, shortly }
  }

  it('says where a state stands, and then each commit as one message, of what is watched only', async () => {
    const { post, notice, shortly } = await publishing()
    await post(set('a'))
    await notice('watch', state)
    await notice('watch', 'other')
    expect(shortly()).toEqual([
      [state, undefined, 1],
      ['other', undefined, -1],
    ])
    await post([set('a'), set('b')], { ...set('a'), state: 'third' })
    await post({ ...set('a'), state: 'other' })
    expect(shortly()).toEqual([
      [state, 2, 3, 2, 3],
      ['other', 0, 1, 0, 1],
    ])
    await notice('unwatch', state)
    await post(set('a'), { cmd: 'DELETE_STATE', state: 'other' })
    expect(shortly()).toEqual([['other', 2, 2, 2]])
  })

  it('publishes nothing before its commit, and nothing of one that is refused', async () => {
    const { harness, journal, post, notice, shortly } = await publishing()
    await notice('watch', state)
    shortly()
    journal.plan = () => ({ outcome: 'refused', code: 'STORAGE_FULL' })
    await post(set('a'), set('b'))
    expect(shortly()).toEqual([])
    let commit: (() => void) | undefined
    journal.plan = () => new Promise((resolve) => (commit = () => resolve(committed)))
    await post(set('c'))
    expect(shortly()).toEqual([])
    commit?.()
    await harness.idle()
    expect(shortly()).toEqual([[state, 0, 1, 0, 1]])
  })
})
