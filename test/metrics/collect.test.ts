// What a scrape makes of the numbers of a source, which here is a stand-in that the test moves: shards that are down, that
// come back, and a source that takes its time. The real engine is in engine.test.ts.

import { beforeEach, describe, expect, it } from 'vitest'
import { durationBounds, Histogram } from '../../src/base/histogram.ts'
import { OutcomeCounts } from '../../src/base/outcome-counts.ts'
import { createMetricsRegistry, type MetricsSource } from '../../src/metrics/collect.ts'
import type { ShardCondition, ShardStatistics } from '../../src/protocol/statistics.ts'
import { fallenCounters, readScrape } from '../support/exposition.ts'
import { statisticsOf } from '../support/shard-statistics.ts'

function mailbox(depth: number, condition: ShardCondition = 'serving') {
  return { depth, condition, bytes: depth * 10, lives: 1 }
}

class StandIn implements MetricsSource {
  durability: MetricsSource['durability'] = 'memory'
  mailboxes = [mailbox(0), mailbox(0)]
  limits = { mailboxCommandsMax: 100 }
  router = {
    isReady: true,
    requestSeconds: new Histogram(durationBounds),
    transactionSeconds: new Histogram(durationBounds),
    snapshots: { seconds: { create: new Histogram(durationBounds), restore: new Histogram(durationBounds) } },
    answered: new OutcomeCounts(),
    transactions: new OutcomeCounts(),
    backups: { statistics: () => this.backups },
  }
  backups = { at: 0, seconds: 0, bytes: 0, failures: 0 }
  shards: (ShardStatistics | undefined)[] = [undefined, undefined]
  dead: ReturnType<MetricsSource['deaths']> = []
  questions: [number, number][] = []
  answerWhen = Promise.resolve()

  async statistics(answerMsMax: number, largest: number) {
    this.questions.push([answerMsMax, largest])
    await this.answerWhen
    return this.shards
  }

  deaths() {
    return this.dead
  }
}

describe('a scrape', () => {
  let source: StandIn
  let registry: ReturnType<typeof createMetricsRegistry>
  const scrape = async () => readScrape(await registry.metrics())
  const valueOf = async (series: string) => (await scrape()).samples.get(series)

  beforeEach(() => {
    source = new StandIn()
    registry = createMetricsRegistry(source)
  })

  it('asks the shards once, and gives them a second to answer', async () => {
    await scrape()
    expect(source.questions).toEqual([[1_000, 0]])
  })

  it('says nothing of the last backup before there was one', async () => {
    expect(await valueOf('holdfast_backup_last_timestamp_seconds')).toBeUndefined()
    expect(await valueOf('holdfast_backup_failures_total')).toBe(0)
    source.backups = { at: 1_700_000_000.5, seconds: 2.5, bytes: 8192, failures: 3 }
    expect(await valueOf('holdfast_backup_last_timestamp_seconds')).toBe(1_700_000_000.5)
    expect(await valueOf('holdfast_backup_last_seconds')).toBe(2.5)
    expect(await valueOf('holdfast_backup_last_bytes')).toBe(8192)
    expect(await valueOf('holdfast_backup_failures_total')).toBe(3)
  })

  it('joins another one that comes before the shards have answered', async () => {
    let answerNow = (): void => {}
    source.answerWhen = new Promise((resolve) => (answerNow = resolve))
    source.shards = [statisticsOf({ shard: 0, records: 7 }), undefined]
    const scrapes = [registry.metrics(), registry.metrics()]
    answerNow()
    const [first, second] = await Promise.all(scrapes)
    expect(first).toBe(second)
    expect(first).toContain('holdfast_records{shard="0"} 7')
    expect(source.questions).toHaveLength(1)
  })

  it('fails if its source fails, and the next one is read anew', async () => {
    source.answerWhen = Promise.reject(new Error('no source'))
    await expect(registry.metrics()).rejects.toThrow('no source')
    source.answerWhen = Promise.resolve()
    expect(await valueOf('holdfast_shard_up{shard="0"}')).toBe(0)
  })

  it('adds up the commands of the shards and of the router, and calls the nameless ones unknown', async () => {
    source.shards = [
      statisticsOf({ shard: 0, commands: [{ command: 'GET_RECORD', outcome: 'ok', count: 2 }] }),
      statisticsOf({ shard: 1, commands: [{ command: 'GET_RECORD', outcome: 'ok', count: 3 }] }),
    ]
    source.router.answered.add('GET_RECORD', 'ok')
    source.router.answered.add('GET_RECORD', 'OVERLOADED')
    source.router.answered.add('', 'INVALID_JSON')
    const { samples } = await scrape()
    expect([...samples].filter(([series]) => series.startsWith('holdfast_commands_total'))).toEqual([
      ['holdfast_commands_total{command="GET_RECORD",outcome="ok"}', 6],
      ['holdfast_commands_total{command="GET_RECORD",outcome="OVERLOADED"}', 1],
      ['holdfast_commands_total{command="unknown",outcome="INVALID_JSON"}', 1],
    ])
  })

  it('counts transactions by whether they were over one shard or many, from 0 on', async () => {
    source.router.transactions.add('many', 'ok')
    source.router.transactions.add('many', 'STORAGE_FULL')
    const { samples } = await scrape()
    expect([...samples].filter(([series]) => series.startsWith('holdfast_transactions_total'))).toEqual([
      ['holdfast_transactions_total{shards="one",outcome="ok"}', 0],
      ['holdfast_transactions_total{shards="many",outcome="ok"}', 1],
      ['holdfast_transactions_total{shards="many",outcome="STORAGE_FULL"}', 1],
    ])
  })

  it('counts in each bucket all that lies below its bound', async () => {
    const histogram = new Histogram([1, 2])
    for (const value of [0.5, 1, 1.5, 2.5, 4]) histogram.observe(value)
    source.shards = [statisticsOf({ shard: 0, batchCommands: histogram.snapshot() }), undefined]
    const { samples } = await scrape()
    expect([...samples].filter(([series]) => series.startsWith('holdfast_batch_commands'))).toEqual([
      ['holdfast_batch_commands_bucket{shard="0",le="1"}', 2],
      ['holdfast_batch_commands_bucket{shard="0",le="2"}', 3],
      ['holdfast_batch_commands_bucket{shard="0",le="+Inf"}', 5],
      ['holdfast_batch_commands_sum{shard="0"}', 9.5],
      ['holdfast_batch_commands_count{shard="0"}', 5],
    ])
  })

  it('says of each shard in which condition it is, and no other', async () => {
    source.mailboxes = [mailbox(0, 'quarantined'), mailbox(0, 'corrupt')]
    const { samples } = await scrape()
    const conditions = [...samples].filter(([series]) => series.startsWith('holdfast_shard_condition'))
    expect(conditions).toHaveLength(10)
    expect(conditions.filter(([, value]) => value !== 0)).toEqual([
      ['holdfast_shard_condition{shard="0",condition="quarantined"}', 1],
      ['holdfast_shard_condition{shard="1",condition="corrupt"}', 1],
    ])
  })

  it('says that a shard is down, leaves out what it cannot know of it, and keeps what it counted', async () => {
    source.shards = [statisticsOf({ shard: 0, records: 3, commits: 5 }), statisticsOf({ shard: 1, records: 4 })]
    const before = await scrape()
    source.shards = [undefined, statisticsOf({ shard: 1, records: 4 })]
    source.mailboxes = [mailbox(9), mailbox(0)]
    const after = await scrape()
    expect(fallenCounters(before, after)).toEqual([])
    expect(after.samples.get('holdfast_shard_up{shard="0"}')).toBe(0)
    expect(after.samples.get('holdfast_shard_up{shard="1"}')).toBe(1)
    expect(after.samples.get('holdfast_commits_total{shard="0"}')).toBe(5)
    // The mailbox is the router's, which knows it all the time.
    expect(after.samples.get('holdfast_mailbox_depth{shard="0"}')).toBe(9)
    const gone = [...before.samples.keys()].filter((series) => !after.samples.has(series))
    expect(gone).toEqual([
      'holdfast_slice_longest_seconds{shard="0"}',
      'holdfast_shard_waiting{shard="0"}',
      'holdfast_shard_heap_bytes{shard="0"}',
      'holdfast_shard_heap_max_bytes{shard="0"}',
      'holdfast_shard_external_bytes{shard="0"}',
      'holdfast_shard_recovery_seconds{shard="0"}',
      'holdfast_states{shard="0",kind="table"}',
      'holdfast_states{shard="0",kind="keys"}',
      'holdfast_states{shard="0",kind="machine"}',
      'holdfast_records{shard="0"}',
      'holdfast_record_bytes{shard="0"}',
      'holdfast_instances{shard="0"}',
      'holdfast_instance_bytes{shard="0"}',
      'holdfast_keys{shard="0"}',
      'holdfast_key_bytes{shard="0"}',
      'holdfast_list_items{shard="0"}',
      'holdfast_storage_full{shard="0"}',
      'holdfast_retry_sessions{shard="0"}',
      'holdfast_replies_kept{shard="0"}',
      'holdfast_waiters{shard="0"}',
      'holdfast_locks{shard="0"}',
      'holdfast_lock_waiters{shard="0"}',
      'holdfast_pending_items{shard="0"}',
      'holdfast_changes_kept{shard="0"}',
      'holdfast_changes_kept_bytes{shard="0"}',
      'holdfast_snapshots{shard="0"}',
      'holdfast_snapshot_bytes{shard="0"}',
    ])
  })

  it('adds the counts of a shard that was started again to those of its earlier lives', async () => {
    source.shards = [statisticsOf({ shard: 0, startedAt: 1, commits: 5 }), undefined]
    await scrape()
    source.shards = [statisticsOf({ shard: 0, startedAt: 2, commits: 2 }), undefined]
    expect(await valueOf('holdfast_commits_total{shard="0"}')).toBe(7)
    expect(await valueOf('holdfast_commits_total{shard="0"}')).toBe(7)
    expect(await valueOf('holdfast_commits_total{shard="1"}')).toBeUndefined()
  })

  it('shows deaths by shard and reason, from 0 on, and in memory mode each as a loss of states', async () => {
    expect(await valueOf('holdfast_shard_deaths_total{shard="1",reason="hung"}')).toBe(0)
    expect(await valueOf('holdfast_state_losses_total')).toBe(0)
    source.dead = [
      { shard: 1, reason: 'hung', count: 2 },
      { shard: 0, reason: 'failed', count: 1 },
    ]
    expect(await valueOf('holdfast_shard_deaths_total{shard="1",reason="hung"}')).toBe(2)
    expect(await valueOf('holdfast_shard_deaths_total{shard="0",reason="hung"}')).toBe(0)
    expect(await valueOf('holdfast_state_losses_total')).toBe(3)
    source.durability = 'strict'
    expect(await valueOf('holdfast_state_losses_total')).toBe(0)
    expect(await valueOf('holdfast_durability_info{mode="strict"}')).toBe(1)
  })

  it('has no values of a front end where there is none', async () => {
    const { samples, types } = await scrape()
    expect(types.get('holdfast_peers')).toBe('gauge')
    expect([...samples.keys()].filter((series) => /peers|messages|replies/.test(series))).toEqual([])
  })

  it('times commands by family over all shards and lives', async () => {
    const took = (...seconds: number[]) => {
      const histogram = new Histogram([1])
      for (const each of seconds) histogram.observe(each)
      return histogram.snapshot()
    }
    const keys = { name: 'keys', histogram: took(0.5) }
    source.shards = [
      statisticsOf({ shard: 0, startedAt: 1, commandSeconds: [keys] }),
      statisticsOf({ shard: 1, commandSeconds: [keys, { name: 'locks', histogram: took(2, 3) }] }),
    ]
    await scrape()
    source.shards[0] = statisticsOf({ shard: 0, startedAt: 2, commandSeconds: [keys] })
    const { samples } = await scrape()
    const series = [...samples].filter(([name]) => /command_duration_seconds_(sum|count)/.test(name))
    expect(series).toEqual([
      ['holdfast_command_duration_seconds_sum{family="keys"}', 1.5],
      ['holdfast_command_duration_seconds_count{family="keys"}', 3],
      ['holdfast_command_duration_seconds_sum{family="locks"}', 5],
      ['holdfast_command_duration_seconds_count{family="locks"}', 2],
    ])
  })

  it('names no state unless it is told to, and then the largest of all shards only', async () => {
    const size = (state: string, bytes: number) => ({ state, kind: 'table', entries: 1, bytes })
    source.shards = [
      statisticsOf({ shard: 0, largest: [size('a', 5), size('b"\n', 3)] }),
      statisticsOf({ shard: 1, largest: [size('c', 4), size('d', 1)] }),
    ]
    const namesOf = async () =>
      [...(await scrape()).samples.keys()].filter((series) => series.includes('largest_state'))
    expect(await namesOf()).toEqual([])
    registry = createMetricsRegistry(source, undefined, undefined, { largest: 3 })
    const labels = ['state="a",kind="table",shard="0"', 'state="c",kind="table",shard="1"']
    const odd = String.raw`state="b\"\n",kind="table",shard="0"`
    expect(await namesOf()).toEqual(
      ['bytes', 'entries'].flatMap((what) => [...labels, odd].map((each) => `holdfast_largest_state_${what}{${each}}`)),
    )
    expect(source.questions.at(-1)).toEqual([1_000, 3])
  })

  it('can be read as JSON too', async () => {
    source.shards = [statisticsOf({ shard: 0, records: 7 }), undefined]
    const found = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'holdfast_records')
    expect(found).toMatchObject({ type: 'gauge', values: [{ labels: { shard: 0 }, value: 7 }] })
  })
})
