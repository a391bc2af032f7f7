// What a shard counts and times besides its commands: waits apart from work, leases that come back, gaps that are closed.
import { describe, expect, it } from 'vitest'
import type { NamedHistogram } from '../../src/base/histogram.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { ShardHarness } from '../support/shard-harness.ts'

const find = (name: string, all: readonly NamedHistogram[]) => all.find((each) => each.name === name)?.histogram
const countOf = (name: string, all: readonly NamedHistogram[]) =>
  find(name, all)?.counts.reduce((sum, count) => sum + count, 0) ?? 0

async function run(harness: ShardHarness, ...commands: JsonObject[]): Promise<void> {
  for (const command of commands) {
    harness.post(command)
    await harness.idle()
  }
}

describe('the measures of a shard', () => {
  it('count a wait for a lock as a wait, and not as time that the command took', async () => {
    const harness = await ShardHarness.started()
    const waitMs = 300
    const [first = 0] = harness.post({ cmd: 'TRY_LOCK', lock: 'deploy', ttl: 60, owner: 'first' })
    await harness.idle()
    const [id = 0] = harness.post({ cmd: 'LOCK', lock: 'deploy', ttl: 60, owner: 'second', timeout: 60 })
    await harness.idle()
    const until = performance.now() + waitMs
    while (performance.now() < until);
    const { token } = harness.reply(first) as { token: number }
    await run(harness, { cmd: 'UNLOCK', lock: 'deploy', owner: 'first', token })
    expect(harness.reply(id)).toMatchObject({ status: 'ok' })
    const { waitSeconds, commandSeconds } = harness.shard.statistics()
    expect(countOf('lock', waitSeconds)).toBe(1)
    expect(find('lock', waitSeconds)?.sum).toBeGreaterThanOrEqual(waitMs / 1000)
    expect(countOf('locks', commandSeconds)).toBe(3)
    expect(find('locks', commandSeconds)?.sum).toBeLessThan(find('lock', waitSeconds)?.sum ?? 0)
  })

  it('tell waits for a key and for changes apart', async () => {
    const harness = await ShardHarness.started()
    harness.post({ cmd: 'POP_LIST', state: 'jobs', key: 'all', wait: 60 })
    harness.post({ cmd: 'GET_CHANGES', state: 'jobs', since: -1, wait: 60 })
    await harness.idle()
    await run(harness, { cmd: 'PUSH_LIST', state: 'jobs', key: 'all', item: 1 })
    const { waitSeconds } = harness.shard.statistics()
    expect(['lock', 'key', 'changes'].map((name) => countOf(name, waitSeconds))).toEqual([0, 1, 1])
  })

  it('count items that are leased, and those that come back', async () => {
    const harness = await ShardHarness.started()
    const pop = { cmd: 'POP_LIST', state: 'jobs', key: 'all', lease: 1 }
    await run(harness, { cmd: 'PUSH_LIST', state: 'jobs', key: 'all', item: 1 }, pop)
    harness.advance(2_000)
    await run(harness, { cmd: 'LIST_LENGTH', state: 'jobs', key: 'all' }, pop)
    expect(harness.shard.statistics()).toMatchObject({ itemsLeased: 2, itemsReturned: 1, pendingItems: 1 })
  })

  it('count replies that told of changes, and how many', async () => {
    const harness = await ShardHarness.started()
    const set = { cmd: 'SET_KEY', state: 'a', key: 'a', value: 1 }
    await run(harness, set, { ...set, value: 2 }, { cmd: 'GET_CHANGES', state: 'a', since: -1 })
    const told = harness.shard.statistics().changesTold
    expect(told).toBeGreaterThanOrEqual(2)
    await run(harness, { cmd: 'GET_CHANGES', state: 'a', since: told - 1 })
    expect(harness.shard.statistics()).toMatchObject({ gapsClosed: 1, changesTold: told })
  })

  it('count a batch of requests as one message that waited, and its decision and commit apart', async () => {
    const harness = await ShardHarness.started()
    harness.post({ cmd: 'SET_KEY', state: 'a', key: 'a', value: 1 }, { cmd: 'SET_KEY', state: 'a', key: 'b', value: 1 })
    await harness.idle()
    await run(harness, { cmd: 'GET_KEY', state: 'a', key: 'a' })
    const { mailboxSeconds, decideSeconds, commitSeconds, commits } = harness.shard.statistics()
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
    expect(sum(mailboxSeconds.counts)).toBe(2)
    expect(sum(decideSeconds.counts)).toBeGreaterThanOrEqual(2)
    expect(sum(commitSeconds.counts)).toBe(commits)
  })
})
