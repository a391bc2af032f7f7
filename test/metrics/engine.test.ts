// Scrapes of an engine with real threads, over real HTTP: right values after known commands, counters that survive the
// death of a shard, and a text that Prometheus's own check has nothing against.

import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { shardOf } from '../../src/base/placement.ts'
import { serverVersion } from '../../src/base/version.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import { addProcessMetrics, createMetricsRegistry } from '../../src/metrics/collect.ts'
import { metricDefinitions } from '../../src/metrics/definitions.ts'
import { type MetricsServer, startMetricsServer } from '../../src/metrics/server.ts'
import type { FrontEndStatistics } from '../../src/protocol/statistics.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { fallenCounters, metricOf, readScrape } from '../support/exposition.ts'
import { describeWithPeer, promtool } from '../support/peers.ts'

const frontEnd: FrontEndStatistics = {
  peers: 1,
  messagesReceived: 2,
  bytesReceived: 3,
  repliesSent: 4,
  bytesSent: 5,
  repliesQueued: 6,
  replyBytesQueued: 7,
  repliesDropped: { peer_gone: 8, queue_full: 9 },
  requestsIgnored: 10,
  messagesRefused: 11,
  largeMessages: 12,
}

/** A name that this shard of two owns. */
const nameOn = (shard: number): string => ['a', 'b', 'c', 'd', 'e'].find((name) => shardOf(name, 2) === shard) ?? ''

describe('a scrape of an engine', () => {
  let engine: Engine
  let server: MetricsServer
  const log = { info() {}, warn() {}, error() {} }
  const scrapeText = async () => (await fetch(`http://${server.address}/metrics`)).text()
  const scrape = async () => readScrape(await scrapeText())
  const call = async (cmd: string, fields: JsonObject) => {
    const { status, code } = await engine.call({ cmd, ...fields })
    return code ?? status
  }
  /** Seven commands on two shards, two of them refused, and one of the router. */
  const work = async () => {
    for (const shard of [0, 1]) {
      const state = nameOn(shard)
      expect(await call('CREATE_STATE', { state })).toBe('ok')
      expect(await call('CREATE_RECORD', { state, data: { name: 'Ann' } })).toBe('ok')
      expect(await call('CREATE_STATE', { state })).toBe('STATE_EXISTS')
    }
    expect(await call('CREATE_RECORD', { state: nameOn(0), data: { name: 'Bob' } })).toBe('ok')
    expect(await call('PING', {})).toBe('ok')
  }

  beforeEach(async () => {
    engine = await openEngine({ shards: 2, faultsEnabled: true, limits: { shardSilenceMsMax: 3_000 } })
    const registry = createMetricsRegistry(engine, { statistics: () => frontEnd }, engine.feed, { largest: 5 })
    addProcessMetrics(registry)
    const readiness = () => engine.router.readiness()
    server = await startMetricsServer({ host: '127.0.0.1', port: 0, registry, readiness, log })
  })
  afterEach(async () => {
    await server.close()
    await engine.close()
  })

  it('shows what the engine did and holds', async () => {
    await work()
    const { samples } = await scrape()
    expect(Object.fromEntries(samples)).toMatchObject({
      [`holdfast_build_info{version="${serverVersion}",node="${process.version}"}`]: 1,
      'holdfast_durability_info{mode="memory"}': 1,
      'holdfast_commands_total{command="CREATE_STATE",outcome="ok"}': 2,
      'holdfast_commands_total{command="CREATE_STATE",outcome="STATE_EXISTS"}': 2,
      'holdfast_commands_total{command="CREATE_RECORD",outcome="ok"}': 3,
      'holdfast_commands_total{command="PING",outcome="ok"}': 1,
      holdfast_request_duration_seconds_count: 7,
      'holdfast_request_duration_seconds_bucket{le="+Inf"}': 7,
      'holdfast_batch_commands_sum{shard="0"}': 4,
      'holdfast_batch_commands_sum{shard="1"}': 3,
      // Each command was waited for, so each write was a batch of its own.
      'holdfast_commits_total{shard="0"}': 3,
      'holdfast_commits_total{shard="1"}': 2,
      'holdfast_mailbox_depth{shard="0"}': 0,
      'holdfast_shard_waiting{shard="0"}': 0,
      'holdfast_states{shard="0",kind="table"}': 1,
      'holdfast_records{shard="0"}': 2,
      'holdfast_records{shard="1"}': 1,
      'holdfast_shard_up{shard="0"}': 1,
      'holdfast_shard_up{shard="1"}': 1,
      'holdfast_shard_condition{shard="1",condition="serving"}': 1,
      'holdfast_shard_condition{shard="1",condition="quarantined"}': 0,
      'holdfast_shard_deaths_total{shard="0",reason="failed"}': 0,
      holdfast_state_losses_total: 0,
      holdfast_peers: 1,
      holdfast_messages_received_total: 2,
      holdfast_received_bytes_total: 3,
      holdfast_replies_sent_total: 4,
      holdfast_sent_bytes_total: 5,
      holdfast_replies_queued: 6,
      holdfast_replies_queued_bytes: 7,
      'holdfast_replies_dropped_total{reason="peer_gone"}': 8,
      'holdfast_replies_dropped_total{reason="queue_full"}': 9,
      holdfast_requests_ignored_total: 10,
      holdfast_messages_refused_total: 11,
      holdfast_large_messages: 12,
    })
    expect(samples.get('holdfast_shard_commands_total{shard="0"}')).toBe(4)
    expect(samples.get('holdfast_command_duration_seconds_count{family="tables"}')).toBe(3)
    expect(samples.get('holdfast_command_duration_seconds_count{family="states"}')).toBe(4)
    expect(samples.get('holdfast_commit_duration_seconds_count{shard="0"}')).toBe(3)
    expect(samples.get('holdfast_mailbox_wait_seconds_count{shard="0"}')).toBe(4)
    expect(samples.get('holdfast_shard_starts_total{shard="0"}')).toBe(1)
    expect(samples.get(`holdfast_largest_state_entries{state="${nameOn(0)}",kind="table",shard="0"}`)).toBe(2)
    const positive = [
      'record_bytes',
      'shard_heap_bytes',
      'shard_heap_max_bytes',
      'shard_busy_seconds_total',
      'shard_recovery_seconds',
      'mailbox_wait_seconds_sum',
      'decide_duration_seconds_sum',
      'slice_longest_seconds',
      'batch_duration_seconds_sum',
    ]
    for (const what of positive) expect(samples.get(`holdfast_${what}{shard="1"}`)).toBeGreaterThan(0)
  })

  it('has every metric of the list, with its type and its labels, and no other with our prefix', async () => {
    await work()
    const found = await scrape()
    const ours = [...found.types].filter(([name]) => name.startsWith('holdfast_'))
    expect(ours).toEqual(metricDefinitions.map(({ name, type }) => [name, type]))
    for (const { name, labels } of metricDefinitions) {
      const series = [...found.samples.keys()].filter((key) => metricOf(key, found) === name)
      // Without a folder there is no backup, and nothing to say of the last one.
      expect(series.length > 0, name).toBe(!name.startsWith('holdfast_backup_last_'))
      for (const key of series) {
        const names = [...key.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le')
        expect(names, key).toEqual(labels)
      }
    }
  })

  it('shows the process too, with the delay of its event loop', async () => {
    const { samples, types } = await scrape()
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0)
    expect(types.get('nodejs_eventloop_lag_p99_seconds')).toBe('gauge')
  })

  it('says that a shard is down the moment it is, and its counters never fall', async () => {
    await work()
    const before = await scrape()
    const state = nameOn(0)
    await engine.injectFault(0, 'throw')
    expect(await call('CREATE_RECORD', { state, data: { name: 'Cid' } })).toBe('OUTCOME_UNKNOWN')
    // The new life cannot have begun in the turn in which the end of the old one was heard of.
    const whileDown = createMetricsRegistry(engine).metrics()
    const asked = scrape()
    const { samples } = readScrape(await whileDown)
    expect(samples.get('holdfast_shard_up{shard="0"}')).toBe(0)
    expect(samples.get('holdfast_shard_up{shard="1"}')).toBe(1)
    expect(samples.has('holdfast_records{shard="0"}')).toBe(false)
    expect(fallenCounters(before, await asked)).toEqual([])

    await new Promise<void>((resolve) => engine.mailboxes[0]?.whenReady(resolve))
    const back = await scrape()
    expect(fallenCounters(before, back)).toEqual([])
    expect(back.samples.get('holdfast_shard_up{shard="0"}')).toBe(1)
    expect(back.samples.get('holdfast_records{shard="0"}')).toBe(0)
    expect(back.samples.get('holdfast_commits_total{shard="0"}')).toBe(3)
    expect(back.samples.get('holdfast_shard_deaths_total{shard="0",reason="failed"}')).toBe(1)
    expect(back.samples.get('holdfast_state_losses_total')).toBe(1)

    expect(await call('CREATE_STATE', { state })).toBe('ok')
    const again = await scrape()
    expect(fallenCounters(back, again)).toEqual([])
    expect(again.samples.get('holdfast_commits_total{shard="0"}')).toBe(4)
    expect(again.samples.get('holdfast_commands_total{command="CREATE_STATE",outcome="ok"}')).toBe(3)
  })

  it('does not wait for a shard that hangs, and shows the others', async () => {
    await work()
    const before = await scrape()
    await engine.injectFault(0, 'endless-loop')
    const hanging = call('GET_STATE_INFO', { state: nameOn(0) })
    // Both leave in the same turn: once this one is answered, the other has long reached its shard.
    expect(await call('GET_STATE_INFO', { state: nameOn(1) })).toBe('ok')
    const after = await scrape()
    // The watchdog has not ended it, so it was not waited for either.
    expect(engine.mailboxes[0]?.isReady).toBe(true)
    expect(after.samples.get('holdfast_shard_up{shard="0"}')).toBe(0)
    expect(after.samples.get('holdfast_shard_up{shard="1"}')).toBe(1)
    expect(after.samples.get('holdfast_records{shard="1"}')).toBe(1)
    expect(after.samples.get('holdfast_mailbox_depth{shard="0"}')).toBe(1)
    expect(fallenCounters(before, after)).toEqual([])
    expect(await hanging).toBe('OUTCOME_UNKNOWN')
  })

  it('goes with a probe that tells whether commands are taken up', async () => {
    const ready = async () => (await fetch(`http://${server.address}/readyz`)).status
    expect(await ready()).toBe(200)
    await engine.close()
    expect(await ready()).toBe(503)
    const { samples } = await scrape()
    expect(samples.get('holdfast_shard_up{shard="0"}')).toBe(0)
  })

  it('works without threads as well', async () => {
    const inline = await openEngine({ shards: 0 })
    await inline.call({ cmd: 'CREATE_STATE', state: 'a' })
    const { samples } = readScrape(await createMetricsRegistry(inline).metrics())
    await inline.close()
    expect(samples.get('holdfast_states{shard="0",kind="table"}')).toBe(1)
  })

  describeWithPeer("Prometheus's own check", promtool(), (command) => {
    it('has nothing against it', async () => {
      await work()
      const check = spawnSync(command, ['check', 'metrics'], { input: await scrapeText(), encoding: 'utf8' })
      expect(`${check.stdout}${check.stderr}`).toBe('')
      expect(check.status).toBe(0)
    })
  })
})
