// `holdfast check`: what it says of a folder that is whole, damaged, in use, or no folder of ours.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openEngine } from '../../src/engine.ts'
import { daemonOfTest, run } from '../support/holdfast.ts'
import { folderOfTest, withDatabase } from '../support/sqlite.ts'

async function filled(): Promise<string> {
  const data = folderOfTest()
  const engine = await openEngine({ shards: 0, data })
  await engine.call({ cmd: 'CREATE_STATE', state: 'leads' })
  await engine.call({ cmd: 'CREATE_RECORD', state: 'leads', data: { name: 'Ann' } })
  await engine.close()
  return data
}

describe('holdfast check', () => {
  it('says that a folder is whole', async () => {
    const data = await filled()
    const whole = { status: 0, stdout: 'shard 0: whole, 1 states, 2 commits\n' }
    expect(await run(['check', data])).toMatchObject(whole)
    const { stdout } = await run(['check', data, '--json'])
    expect(JSON.parse(stdout)).toEqual({ ok: true, shards: [{ shard: 0, commits: 2, states: 1, lost: [] }] })
  })

  it('names what is damaged, in rows and in the change log, and fails', async () => {
    const data = await filled()
    withDatabase(join(data, 'shard-0.db'), (database) => {
      database.exec("UPDATE rows SET bytes = replace(bytes, 'Ann', 'Bob')")
      database.exec("UPDATE batches SET bytes = replace(bytes, 'Ann', 'Bob')")
    })
    const { status, stdout } = await run(['check', data])
    expect(status).toBe(1)
    expect(stdout).toBe(
      'shard 0: DAMAGED\n  entry 2 of the change log is damaged\n' +
        "  the row 11/11 in records of state 'leads' is damaged\n  state 'leads' has 0 of its 1 rows\n",
    )
  })

  it('does not look at a folder that a daemon has, or that is none', async () => {
    const data = folderOfTest()
    await daemonOfTest(['--data', data])
    expect(await run(['check', data])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is in use') as string,
    })
    expect(await run(['check', folderOfTest()])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there is no data of holdfast in') as string,
    })
  })
})
