// A disk without room for a second copy of the data: neither a backup nor another number of shards comes to be, both say why,
// and the data is as it was and goes on.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { defaultLimits as limits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { openEngine } from '../../src/engine.ts'
import { databaseFile, openFolder } from '../../src/journal/folder.ts'
import { repartition } from '../../src/journal/repartition.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { contentsOfFolder } from '../support/folder-contents.ts'
import { InlineShards } from '../support/inline-shards.ts'
import { describeOnSmallDisk, SmallDisk } from '../support/small-disk.ts'
import { journalOn } from '../support/sqlite.ts'

const mebibyte = 1024 * 1024

function smallDisk(megabytes: number): SmallDisk {
  const disk = new SmallDisk(megabytes)
  onTestFinished(() => disk.unmount())
  return disk
}

const sets = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, index) => ({ cmd: 'SET_KEY', key: `key ${index}`, value: 'x'.repeat(10_000) }))

describeOnSmallDisk('a disk without room for a second copy', () => {
  it('keeps its number of shards, with everything as it was', async () => {
    const disk = smallDisk(8)
    openFolder(disk.data, 1).release()
    const inline = await InlineShards.started(1, (shard) => journalOn(databaseFile(disk.data, shard)))
    for (const command of sets(200)) await inline.call(command)
    await inline.stop()
    const before = await contentsOfFolder(disk.data)
    disk.fill(mebibyte)
    const folder = openFolder(disk.data, 1)
    await expect(repartition(folder, 2, { limits, log: silentLog })).rejects.toMatchObject({
      message: expect.stringContaining('the disk is full') as string,
      advice: expect.stringContaining('--shards 1') as string,
    })
    folder.release()
    expect(readdirSync(disk.data).filter((name) => name.startsWith('repartition'))).toEqual([])
    expect(await contentsOfFolder(disk.data)).toEqual(before)
    disk.clear()
    const again = openFolder(disk.data, 1)
    expect(await repartition(again, 2, { limits, log: silentLog })).toMatchObject({ shards: 2 })
    again.release()
    expect((await contentsOfFolder(disk.data)).states).toEqual(before.states)
  })

  it('refuses a backup before it begins, and gives one up that fills it, and takes writes all the same', async () => {
    const disk = smallDisk(48)
    const engine = await openEngine({ shards: 0, data: disk.data, limits: { reserveBytesPerShard: 1024 * 1024 } })
    onTestFinished(() => engine.close())
    for (const command of sets(400)) expect(await engine.call(command)).toMatchObject({ status: 'ok' })
    disk.fill(8 * mebibyte)
    expect(await engine.call({ cmd: 'BACKUP', name: 'x' })).toMatchObject({ code: 'STORAGE_FULL' })
    expect(existsSync(join(disk.data, 'backups', 'x'))).toBe(false)
    disk.clear()
    // Somebody else takes the room that there was when it began.
    const making = engine.call({ cmd: 'BACKUP', name: 'x' })
    disk.fill(2 * mebibyte)
    expect(await making).toMatchObject({ code: 'STORAGE_FULL' })
    expect(readdirSync(join(disk.data, 'backups'))).toEqual([])
    disk.clear()
    expect(await engine.call({ cmd: 'SET_KEY', key: 'later', value: 1 })).toMatchObject({ status: 'ok' })
    await engine.backup('x')
  })
})
