// A full disk, for real: what is refused, what is admitted, what time brings about, and how it ends. Each test has a disk
// of four megabytes of its own.
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Reserve } from '../../src/journal/reserve.ts'
import type { SqliteJournalOptions } from '../../src/journal/sqlite.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { ShardHarness } from '../support/shard-harness.ts'
import { describeOnSmallDisk, SmallDisk } from '../support/small-disk.ts'
import { journalOn } from '../support/sqlite.ts'

const mebibyte = 1024 * 1024
const state = 's'
const full = { status: 'error', code: 'STORAGE_FULL' }
const ok = { status: 'ok' }
const valueOf = (key: string): string => key.padEnd(3_000, '.')

function smallDisk(): SmallDisk {
  const disk = new SmallDisk(4)
  onTestFinished(() => disk.unmount())
  return disk
}

/** A shard on a small disk. */
class Tried {
  readonly disk = smallDisk()
  /** What the shard said of its disk. */
  readonly said: boolean[] = []
  #harness: ShardHarness | undefined

  get harness(): ShardHarness {
    if (this.#harness === undefined) throw new Error('the shard was not started')
    return this.#harness
  }

  static async started(options?: Partial<SqliteJournalOptions>): Promise<Tried> {
    const tried = new Tried()
    await tried.start(options)
    return tried
  }

  async start(options: Partial<SqliteJournalOptions> = {}): Promise<void> {
    const journal = journalOn(join(this.disk.data, 'shard-0.db'), {
      reserveBytes: mebibyte,
      changeLogBytesMax: 64 * mebibyte,
      changesLoggedMax: 100_000,
      probeMs: 10,
      onFull: (isFull) => this.said.push(isFull),
      ...options,
    })
    this.#harness = await ShardHarness.started({ journal })
  }

  call(cmd: string, fields: JsonObject = {}): Promise<JsonObject> {
    return this.harness.call({ cmd, state, ...fields }) as Promise<JsonObject>
  }

  write(key: string): Promise<JsonObject> {
    return this.call('SET_KEY', { key, value: valueOf(key) })
  }

  /** Writes until the disk is full, and answers with the keys that were acknowledged. */
  async fill(): Promise<string[]> {
    for (let count = 0; ; count += 1) {
      const reply = await this.write(`key ${count}`)
      if (reply.status === 'ok') continue
      expect(reply).toMatchObject(full)
      return Array.from({ length: count }, (_, index) => `key ${index}`)
    }
  }

  async keys(): Promise<string[]> {
    const { keys } = await this.call('LIST_KEYS')
    return [...(keys as string[])].sort()
  }

  async writesComeBack(): Promise<void> {
    await eventually('writes come back', () => this.said.at(-1) === false)
  }
}

describeOnSmallDisk('the reserve', () => {
  it('takes its room up for real, only where a quarter more is left, and gives it up at once', () => {
    const disk = smallDisk()
    const reserve = new Reserve(join(disk.data, 'shard-0.reserve'), 2 * mebibyte)
    const before = disk.freeBytes
    expect(reserve.build()).toBe(true)
    expect(before - disk.freeBytes).toBe(2 * mebibyte)
    expect(reserve.build()).toBe(true)
    expect(before - disk.freeBytes).toBe(2 * mebibyte)
    reserve.giveUp()
    expect(disk.freeBytes).toBe(before)
    disk.fill(2.25 * mebibyte)
    expect(reserve.build()).toBe(false)
    expect(disk.freeBytes).toBeGreaterThanOrEqual(2.25 * mebibyte)
    disk.clear()
    expect(reserve.build()).toBe(true)
  })
})

describeOnSmallDisk('a shard on a full disk', () => {
  it.each(['strict', 'relaxed'] as const)(
    'serves reads and deletes, whoever takes the rest, and writes again into what was freed, in %s mode',
    async (durability) => {
      const tried = await Tried.started({ durability })
      const written = await tried.fill()
      expect(tried.said).toEqual([true])
      expect(tried.harness.shard.statistics()).toMatchObject({ storageFull: true, keys: written.length })
      tried.disk.fill()
      expect(await tried.keys()).toEqual([...written].sort())
      for (const key of written.slice(0, 100)) {
        expect(await tried.call('DELETE_KEY', { key })).toMatchObject({ ...ok, deleted: true })
      }
      await tried.writesComeBack()
      for (const key of written.slice(0, 10)) expect(await tried.write(key)).toMatchObject(ok)
      const held = await tried.keys()
      await tried.harness.shard.stop()
      // What closing had freed is the reserve's now; all else is gone.
      tried.disk.fill()
      await tried.start({ durability })
      expect(await tried.keys()).toEqual(held)
      for (const key of held.slice(0, 50)) expect(await tried.call('DELETE_KEY', { key })).toMatchObject(ok)
      expect(await tried.call('DELETE_STATE')).toMatchObject(ok)
    },
  )

  it('refuses a write without deciding it, also one that would be refused for another reason', async () => {
    const tried = await Tried.started()
    await tried.fill()
    const commits = tried.harness.shard.statistics().commits
    expect(await tried.call('CREATE_KEY', { key: 'key 0', value: 1 })).toMatchObject(full)
    expect(await tried.call('CREATE_STATE', { max_length: 5 })).toMatchObject(full)
    const rows = Array.from({ length: 5_000 }, (_, n) => ({ n }))
    expect(await tried.call('SET_STATE', { data: rows })).toMatchObject(full)
    expect(tried.harness.shard.statistics().commits).toBe(commits)
  })

  it('runs what frees space even in the batch that did not fit, and nothing else of it', async () => {
    const tried = await Tried.started()
    const count = 1_200
    // In one batch, so that it is this one that meets the end of the disk.
    tried.disk.fill(2 * mebibyte)
    await tried.write('a')
    await tried.call('SET_KEY', { key: 'q', value: [1, 2] })
    const ids = tried.harness.post(
      ...Array.from({ length: count }, (_, n) => ({ cmd: 'SET_KEY', state, key: `${n}`, value: valueOf(`${n}`) })),
      { cmd: 'GET_KEY', state, key: 'a' },
      { cmd: 'DELETE_KEY', state, key: 'a' },
      { cmd: 'POP_LIST', state, key: 'q', wait: 1 },
    )
    await tried.harness.idle()
    const replies = ids.map((id) => tried.harness.reply(id) as JsonObject)
    const acknowledged = replies.slice(0, count).filter(({ status }) => status === 'ok').length
    expect(acknowledged).toBeLessThan(count)
    expect(replies.slice(count)).toMatchObject([{ value: valueOf('a') }, { deleted: true }, { item: 2 }])
    expect(await tried.keys()).toHaveLength(acknowledged + 1)
  })

  it('writes again once somebody else has made room, with its reserve in place', async () => {
    const tried = await Tried.started()
    tried.disk.fill(2 * mebibyte)
    const written = await tried.fill()
    expect(statSync(join(tried.disk.data, 'shard-0.reserve')).size).toBe(0)
    tried.disk.clear()
    await tried.writesComeBack()
    expect(statSync(join(tried.disk.data, 'shard-0.reserve')).size).toBe(mebibyte)
    expect(tried.said).toEqual([true, false])
    expect(await tried.write('one more')).toMatchObject(ok)
    expect(await tried.keys()).toHaveLength(written.length + 1)
  })

  it('lets keys expire and leases end, and leaves the timers of machines for when there is space', async () => {
    // With a log as short as this, nothing that is brought about frees so much that timers may fire.
    const tried = await Tried.started({ changesLoggedMax: 1 })
    await tried.call('SET_KEY', { key: 'e', value: 1, ttl: 5 })
    await tried.call('SET_KEY', { key: 'q', value: ['job'] })
    await tried.call('POP_LIST', { key: 'q', lease: 5 })
    const definition = { initial: 'a', states: { a: { after: { 5000: 'b' } }, b: {} } }
    await tried.harness.call({ cmd: 'CREATE_STATE', state: 'm', kind: 'machine', definition })
    await tried.harness.call({ cmd: 'CREATE_INSTANCE', state: 'm', id: 'i' })
    tried.disk.fill(2 * mebibyte)
    await tried.fill()
    const look = () => tried.harness.call({ cmd: 'GET_INSTANCE', state: 'm', id: 'i' })
    const versionBefore = ((await look()) as JsonObject).version
    // What is due is brought about once a second on a full disk, so that a timer that may not fire costs nothing.
    for (let second = 0; second < 7; second += 1) {
      tried.harness.advance(1_100)
      await tried.harness.idle()
    }
    expect(tried.harness.shard.statistics()).toMatchObject({ expiries: 1, pendingItems: 0 })
    expect(await tried.call('GET_KEY', { key: 'e' })).toMatchObject({ value: null })
    expect(await tried.call('GET_KEY', { key: 'q' })).toMatchObject({ value: ['job'] })
    expect(await look()).toMatchObject({ value: 'b', version: versionBefore })
    tried.disk.clear()
    await tried.writesComeBack()
    tried.harness.advance(1_100)
    await tried.harness.idle()
    expect(await look()).toMatchObject({ value: 'b', version: Number(versionBefore) + 1 })
  })

  it('begins as full where there is no room for its reserve, and deletes are admitted there too', async () => {
    const tried = await Tried.started()
    const written = (await tried.fill()).slice(0, 20)
    await tried.harness.shard.stop()
    rmSync(join(tried.disk.data, 'shard-0.reserve'))
    writeFileSync(join(tried.disk.folder, 'room'), Buffer.alloc(200_000))
    tried.disk.fill()
    rmSync(join(tried.disk.folder, 'room'))
    await tried.start()
    expect(await tried.write('more')).toMatchObject(full)
    for (const key of written) expect(await tried.call('DELETE_KEY', { key })).toMatchObject({ deleted: true })
  })
})
