// Debian's Prometheus against the real thing: a loaded daemon, on which every panel and every recorded series has to show
// something, and engines to each of which one wrong is done, on which the alerts have to fire. Alerts wait for nothing here,
// otherwise the rules are those that are shipped.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Dealer } from 'zeromq'
import { alerts, recordings } from '../../grafana/source/alerts.ts'
import { durationBounds, Histogram } from '../../src/base/histogram.ts'
import { defaultLimits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { OutcomeCounts } from '../../src/base/outcome-counts.ts'
import { type Client, connect } from '../../src/client/index.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import { databaseFile } from '../../src/journal/folder.ts'
import { createMetricsRegistry, type MetricsSource } from '../../src/metrics/collect.ts'
import { startMetricsServer } from '../../src/metrics/server.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { tampered } from '../support/damaged.ts'
import { eventually } from '../support/eventually.ts'
import { committedDashboards, panelsOf } from '../support/grafana.ts'
import { committed, KeepingJournal } from '../support/keeping-journal.ts'
import { describeWithPeer } from '../support/peers.ts'
import { freePort } from '../support/ports.ts'
import { startDaemon } from '../support/program.ts'
import { Prometheus, prometheusCommand } from '../support/prometheus.ts'
import { ShardHarness } from '../support/shard-harness.ts'
import { maySmallDisk, SmallDisk } from '../support/small-disk.ts'
import { openServer } from '../support/sockets.ts'

/** Panels that are empty while all is well. */
const emptyWhileWell = ['Writes the disk refused']
/** What is done is done again so often, so that it happens between scrapes as well. */
const againMs = 1_000
const millionBytes = 1_000_000

/** Something to be watched: where its metrics are, and what is done to it again and again. */
interface Watched {
  readonly address: string
  readonly act?: () => unknown
}

const ends: (() => unknown)[] = []
const atEnd = (end: () => unknown): void => void ends.unshift(end)

function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-observed-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function served(...parts: Parameters<typeof createMetricsRegistry>): Promise<string> {
  const registry = createMetricsRegistry(...parts)
  const readiness = () => ({ isReady: true, notes: [] })
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0, registry, readiness, log: silentLog })
  atEnd(() => server.close())
  return server.address
}

async function engineWith(options: Parameters<typeof openEngine>[0]): Promise<Engine> {
  const engine = await openEngine({ shards: 0, ...options })
  atEnd(() => engine.close())
  return engine
}

/** A shard on a journal of the test's, seen as an engine is. */
function sourceOf({ shard }: ShardHarness): MetricsSource {
  const seconds = new Histogram(durationBounds)
  const counts = new OutcomeCounts()
  return {
    durability: 'strict',
    mailboxes: [{ depth: 0, bytes: 0, lives: 1, condition: 'serving' }],
    limits: defaultLimits,
    router: {
      isReady: true,
      requestSeconds: seconds,
      transactionSeconds: seconds,
      backups: { statistics: () => ({ at: 0, seconds: 0, bytes: 0, failures: 0 }) },
      snapshots: { seconds: { create: seconds, restore: seconds } },
      answered: counts,
      transactions: counts,
    },
    statistics: async () => [await shard.statisticsInSlices()],
    deaths: () => [],
  }
}

/** Keeps the thread, as a slow disk or a slow hook does. */
function keepFor(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

const wrongs = {
  async down(): Promise<Watched> {
    return { address: `127.0.0.1:${await freePort()}` }
  },

  async closed(): Promise<Watched> {
    const engine = await engineWith({ shards: 1 })
    return { address: await served(engine), act: () => engine.close() }
  },

  async dying(): Promise<Watched> {
    const engine = await engineWith({ faultsEnabled: true })
    const act = async () => {
      await engine.injectFault(0, 'throw')
      await engine.call({ cmd: 'SET_KEY', state: 'a', key: 'a', value: 1 })
    }
    return { address: await served(engine), act }
  },

  async corrupt(): Promise<Watched> {
    const data = folderOf()
    const before = await openEngine({ shards: 0, data })
    await before.call({ cmd: 'SET_KEY', state: 'a', key: 'a', value: 1 })
    await before.close()
    tampered(databaseFile(data, 0), "UPDATE rows SET bytes = replace(bytes, '1', '2') WHERE tbl = 'keys'")
    return { address: await served(await engineWith({ data })) }
  },

  async full(): Promise<Watched> {
    if (!maySmallDisk()) return fullJournal()
    const disk = new SmallDisk(24)
    atEnd(() => disk.unmount())
    const engine = await engineWith({ data: disk.data })
    const act = () => {
      disk.fill()
      return engine.call({ cmd: 'SET_KEY', state: 'a', key: 'a', value: 'x'.repeat(millionBytes) })
    }
    return { address: await served(engine), act }
  },

  async flooded(): Promise<Watched> {
    const engine = await engineWith({ limits: { mailboxCommandsMax: 10 } })
    const act = () => {
      for (let count = 0; count < 12; count += 1) {
        void engine.call({ cmd: 'POP_LIST', state: 'a', key: 'a', wait: 60 })
      }
    }
    return { address: await served(engine), act }
  },

  async slow(): Promise<Watched> {
    const engine = await engineWith({})
    engine.validate('slow', () => keepFor(260))
    const definition = { initial: 'off', states: { off: { on: { GO: 'on' } }, on: { on: { GO: 'off' } } } }
    await engine.call({ cmd: 'CREATE_STATE', state: 'machine', kind: 'machine', definition })
    await engine.call({ cmd: 'CREATE_INSTANCE', state: 'machine', id: 1 })
    await engine.onTransition('machine', () => {
      throw new Error('a hook of the test')
    })
    const act = async () => {
      await engine.call({ cmd: 'SET_KEY', state: 'slow', key: 'a', value: Math.random() })
      await engine.call({ cmd: 'SEND_EVENT', state: 'machine', id: 1, event: 'GO' })
    }
    return { address: await served(engine), act }
  },

  async sluggish(): Promise<Watched> {
    const journal = new KeepingJournal()
    journal.plan = () => {
      keepFor(110)
      return committed
    }
    const harness = await ShardHarness.started({ journal })
    const act = async () => {
      harness.post({ cmd: 'SET_KEY', state: 'a', key: 'a', value: 1 })
      await harness.idle()
    }
    return { address: await served(sourceOf(harness)), act }
  },

  async watched(): Promise<Watched> {
    const engine = await engineWith({ limits: { changesLoggedPerShardMax: 5, watchedStatesMax: 1 } })
    const act = async () => {
      engine.feed.watch('a')
      engine.feed.watch('b')
      for (let count = 0; count < 10; count += 1) await engine.call({ cmd: 'INCREMENT_KEY', state: 'a', key: 'a' })
      await engine.call({ cmd: 'GET_CHANGES', state: 'a', since: 0 })
    }
    return { address: await served(engine, undefined, engine.feed), act }
  },

  async contended(): Promise<Watched> {
    const engine = await engineWith({})
    const lock = (name: string, ttl: number) => engine.call({ cmd: 'LOCK', lock: name, ttl, owner: 'w', timeout: 5 })
    let round = 0
    const act = async () => {
      round += 1
      for (let count = 0; count < 5; count += 1) {
        await engine.call({ cmd: 'PUSH_LIST', state: 'jobs', key: 'all', item: count })
        await engine.call({ cmd: 'POP_LIST', state: 'jobs', key: 'all', lease: 0.02 })
        await engine.call({ cmd: 'TRY_LOCK', lock: `${round} ${count}`, ttl: 0.02, owner: 'w' })
      }
      const { token } = await lock(`fenced ${round}`, 0.02)
      await lock(`fenced ${round}`, 60)
      const fence = { lock: `fenced ${round}`, token: token as number }
      await engine.call({ cmd: 'SET_KEY', state: 'a', key: 'a', value: 1, fence })
    }
    return { address: await served(engine), act }
  },

  async heavy(): Promise<Watched> {
    const engine = await engineWith({ shards: 1, limits: { shardHeapMegabytesMax: 64 } })
    let key = 0
    const act = async () => {
      const [statistics] = await engine.statistics()
      const { heapBytes = 0, heapBytesMax = 1 } = statistics ?? {}
      // Of the limit, not of what the collector would leave.
      for (let left = 0.9 * heapBytesMax - heapBytes; left > 0; left -= millionBytes) {
        key += 1
        const value = `${key}`.padEnd(millionBytes - 1_000, 'x')
        await engine.call({ cmd: 'SET_KEY', state: 'a', key: `${key}`, value })
      }
    }
    return { address: await served(engine), act }
  },

  async deaf(): Promise<Watched> {
    const server = await openServer({ limits: { repliesQueuedPerPeerMax: 10 } })
    atEnd(() => server.close())
    const client = new Dealer({ linger: 0, receiveHighWaterMark: 1, receiveBufferSize: 4_096 })
    atEnd(() => client.close())
    client.connect(server.endpoint)
    await server.engine.call({ cmd: 'SET_KEY', state: 'a', key: 'a', value: 'x'.repeat(20_000) })
    const act = async () => {
      for (let count = 0; count < 300; count += 1) {
        await client.send(JSON.stringify({ cmd: 'GET_KEY', state: 'a', key: 'a' }))
      }
    }
    return { address: await served(server.engine, server.frontEnd), act }
  },
} satisfies Record<string, () => Promise<Watched>>

async function fullJournal(): Promise<Watched> {
  const journal = new KeepingJournal()
  const harness = await ShardHarness.started({ journal })
  journal.isFull = true
  return { address: await served(sourceOf(harness)) }
}

/** On which of them each alert has to fire. */
const firesOn: Readonly<Record<string, keyof typeof wrongs>> = {
  HoldfastDown: 'down',
  HoldfastNotReady: 'closed',
  HoldfastShardDown: 'closed',
  HoldfastShardCorrupt: 'corrupt',
  HoldfastShardQuarantined: 'dying',
  HoldfastShardDies: 'dying',
  HoldfastStatesLost: 'dying',
  HoldfastOutcomesUnknown: 'dying',
  HoldfastStorageFull: 'full',
  HoldfastMailboxFilling: 'flooded',
  HoldfastOverloaded: 'flooded',
  HoldfastCommandsSlow: 'slow',
  HoldfastHooksFail: 'slow',
  HoldfastCommitsSlow: 'sluggish',
  HoldfastWatchersTooSlow: 'watched',
  HoldfastSubscriptionsRefused: 'watched',
  HoldfastLocksRunOut: 'contended',
  HoldfastWritesFenced: 'contended',
  HoldfastItemsComeBack: 'contended',
  HoldfastHeapFilling: 'heavy',
  HoldfastClientsDoNotRead: 'deaf',
}

/** They may be true of a daemon that is well on a machine that has too much to do. */
const ofSpeed = ['HoldfastCommandsSlow', 'HoldfastCommitsSlow']

/** Work of every sort that dashboards show. */
async function work(client: Client): Promise<void> {
  const run = (command: JsonObject & { readonly cmd: string }) => client.call(command).catch(() => undefined)
  const definition: JsonObject = { initial: 'off', states: { off: { on: { GO: 'on' } }, on: { on: { GO: 'off' } } } }
  await run({ cmd: 'CREATE_STATE', state: 'machine', kind: 'machine', definition })
  await run({ cmd: 'CREATE_INSTANCE', state: 'machine', id: 1 })
  await run({ cmd: 'SEND_EVENT', state: 'machine', id: 1, event: 'GO' })
  await run({ cmd: 'CREATE_STATE', state: 'leads' })
  await run({ cmd: 'CREATE_RECORD', state: 'leads', data: { name: 'Ann' } })
  await run({ cmd: 'SET_KEY', state: 'keys', key: 'a', value: Math.random(), ttl: 0.05 })
  await run({ cmd: 'PUSH_LIST', state: 'jobs', key: 'all', item: 1 })
  await run({ cmd: 'POP_LIST', state: 'jobs', key: 'all', lease: 60 })
  await run({ cmd: 'POP_LIST', state: 'jobs', key: 'none', wait: 0.05 })
  await run({ cmd: 'TRY_LOCK', lock: 'deploy', ttl: 30, owner: 'w' })
  await run({ cmd: 'LOCK', lock: 'deploy', ttl: 30, owner: 'v', timeout: 0.05 })
  await run({ cmd: 'GET_CHANGES', state: 'leads', since: 0 })
  await run({ cmd: 'GET_CHANGES', state: 'keys', since: 1_000_000 })
  const ops = ['leads', 'keys', 'jobs', 'more'].map((state) => ({
    cmd: 'SET_KEY',
    state: `t ${state}`,
    key: 'a',
    value: 1,
  }))
  await run({ cmd: 'TRANSACTION', ops })
  await run({ cmd: 'CREATE_SNAPSHOT', label: 'now' })
  await run({ cmd: 'BACKUP', name: 'now' })
}

describeWithPeer(
  'Prometheus, which scrapes a loaded daemon and engines in trouble,',
  prometheusCommand(),
  (command) => {
    let prometheus: Prometheus
    let isOver = false
    const acting: Promise<void>[] = []

    /** Does it now and again until the tests are over, or it cannot be done any more. */
    const again = async (act: () => unknown): Promise<void> => {
      while (!isOver) {
        await act()
        await new Promise((resolve) => setTimeout(resolve, againMs))
      }
    }

    beforeAll(async () => {
      const extension = join(folderOf(), 'extension.mjs')
      writeFileSync(extension, 'export const onChange = () => {}\n')
      const flags = [
        '--data',
        join(folderOf(), 'data'),
        '--shards',
        '2',
        '--metrics-largest',
        '5',
        '--extension',
        extension,
      ]
      const daemon = await startDaemon(flags)
      atEnd(() => daemon.program.end())
      const client = await connect(daemon.endpoint)
      atEnd(() => client.close())
      const watch = client.watch('leads')
      const watching = (async () => {
        for await (const _ of watch);
      })()
      atEnd(() => watching)
      atEnd(() => watch.return())
      const targets: Record<string, string> = { loaded: daemon.metrics }
      const acts = [() => work(client)] as (() => unknown)[]
      for (const [name, begin] of Object.entries(wrongs) as [string, () => Promise<Watched>][]) {
        const { address, act } = await begin()
        targets[name] = address
        if (act !== undefined) acts.push(act)
      }
      const rules = ['alerts', 'recordings'].map((name) => readFileSync(`grafana/prometheus/rules/${name}.yml`, 'utf8'))
      const atOnce = rules.map((text) => text.replaceAll(/for: \d+m/g, 'for: 0s'))
      prometheus = await Prometheus.start(command, targets, atOnce)
      atEnd(() => prometheus.end())
      // All of it happens after the first look at it.
      const well = Object.keys(targets).length - 1
      const seen = async () => (await prometheus.query('up == 1')).length === well
      await eventually('every target was scraped', seen, 20_000)
      for (const act of acts) acting.push(again(act).catch(() => {}))
    }, 60_000)

    afterAll(async () => {
      isOver = true
      for (const end of ends) await end()
      await Promise.all(acting)
    }, 60_000)

    it('fires every alert where its condition is, and none on what is well', async () => {
      expect(Object.keys(firesOn).sort()).toEqual(alerts.map(({ name }) => name).sort())
      let missing: string[] = []
      let found: Awaited<ReturnType<Prometheus['alerts']>> = []
      const haveAll = async () => {
        found = (await prometheus.alerts()).filter(({ state }) => state === 'firing')
        const fired = new Set(found.map(({ labels }) => `${labels.alertname} on ${labels.instance}`))
        missing = Object.entries(firesOn)
          .map(([name, instance]) => `${name} on ${instance}`)
          .filter((each) => !fired.has(each))
        return missing.length === 0
      }
      await eventually('every alert has fired', haveAll, 30_000).catch(() => {})
      expect(missing).toEqual([])
      const onWell = found
        .filter(({ labels }) => labels.instance === 'loaded')
        .map(({ labels }) => labels.alertname ?? '')
      expect(onWell.filter((name) => !ofSpeed.includes(name))).toEqual([])
    }, 40_000)

    it('shows something in every panel, and in every recorded series', async () => {
      const asked = committedDashboards().flatMap((dashboard) =>
        panelsOf(dashboard).flatMap(({ title = '', targets = [] }) =>
          targets.map(({ expr }) => ({
            name: `${dashboard.title}: ${title}`,
            title,
            expression: expr
              .replaceAll('$__rate_interval', '20s')
              .replaceAll('$__range', '60s')
              .replaceAll('$job', 'holdfast')
              .replaceAll('$instance', 'loaded'),
          })),
        ),
      )
      const recorded = recordings.map(({ name }) => ({ name, title: name, expression: `${name}{instance="loaded"}` }))
      let empty: string[] = []
      const isAllThere = async () => {
        const results = await Promise.all(
          [...asked, ...recorded].map(async ({ name, title, expression }) => {
            const result = await prometheus.query(expression)
            const isNumber = result.some(({ value: [, value] }) => value !== 'NaN')
            return isNumber || emptyWhileWell.includes(title) ? [] : [name]
          }),
        )
        empty = results.flat()
        return empty.length === 0
      }
      await eventually('every panel shows something', isAllThere, 20_000).catch(() => {})
      expect(empty).toEqual([])
    }, 30_000)
  },
)
