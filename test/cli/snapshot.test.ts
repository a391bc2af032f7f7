// `holdfast snapshot` against a real daemon: what it says, and its exit status.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, connect } from '../../src/client/index.ts'
import { run } from '../support/holdfast.ts'
import { type RunningDaemon, startDaemon } from '../support/program.ts'

describe('holdfast snapshot', () => {
  let daemon: RunningDaemon
  let client: Client
  const snapshot = (...args: string[]) => run(['snapshot', ...args, '--endpoint', daemon.endpoint])

  beforeAll(async () => {
    daemon = await startDaemon()
    client = await connect(daemon.endpoint)
    for (const state of ['k', 'other']) await client.keys(state).set('a', 1)
  })
  afterAll(async () => {
    await client.close()
    await daemon.program.end()
  })

  it('makes, lists, restores and deletes', async () => {
    const created = await snapshot('create', 'one', '--states', 'k')
    expect(created).toMatchObject({ status: 0, stderr: '' })
    expect(created.stdout).toMatch(/^snapshot 'one': 1 states, 1 records, \d+ bytes\n$/)
    await client.keys('k').set('a', 2)
    expect((await snapshot('list')).stdout).toMatch(/^20\S+Z {2}one: 1 states, 1 records, \d+ bytes\n$/)
    const restored = await snapshot('restore', 'one', '--yes')
    expect(restored).toMatchObject({ status: 0, stderr: '' })
    expect(restored.stdout).toMatch(/^restored 1 states, 1 records, from snapshot 'one' of 20\S+Z\n$/)
    expect(await client.keys('k').get('a')).toBe(1)
    const deleted = await snapshot('delete', 'one', '--json')
    expect(deleted).toMatchObject({ status: 0, stdout: '{"status":"ok","deleted":true}\n' })
  }, 60_000)

  it('says in words what is refused, with status 1', async () => {
    const refused = { status: 1, stdout: '', stderr: "holdfast: Snapshot 'none' not found\n" }
    expect(await snapshot('restore', 'none', '--yes')).toMatchObject(refused)
  }, 60_000)

  it('does not replace anything unasked', async () => {
    const { status, stderr } = await snapshot('restore', 'one')
    expect(status).toBe(2)
    expect(stderr).toContain('--yes')
  }, 60_000)
})
