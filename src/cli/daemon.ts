// The daemon: an engine, the front end that clients talk to, and the metrics over both. Starts all of them or none, and
// ends them in the one order in which every request that was read still gets its answer.
import { connect } from 'node:net'
import { formatAddress, parseEndpoint } from '../base/endpoint.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config.ts'
import { type Engine, openEngine } from '../engine.ts'
import { FeedSocket } from '../frontend/feed-socket.ts'
import { ParsePool } from '../frontend/parse-pool.ts'
import { ZmqFrontEnd } from '../frontend/zmq.ts'
import { addProcessMetrics, createMetricsRegistry } from '../metrics/collect.ts'
import { type MetricsServer, type Readiness, startMetricsServer } from '../metrics/server.ts'
import { extensionProblem, listenProblem } from './errors.ts'

export interface Daemon {
  /** Where it takes commands, with real ports. */
  readonly endpoints: readonly string[]
  /** Where it publishes what happens; undefined for nowhere. */
  readonly feed: string | undefined
  /** Where it serves metrics and health; undefined for nowhere. */
  readonly metricsAddress: string | undefined
  readonly shards: number
  /** Refuses what comes from now on, answers what came before, and ends. */
  close(): Promise<void>
}

interface Parts {
  engine?: Engine
  parsePool?: ParsePool
  frontEnd?: ZmqFrontEnd
  feed?: FeedSocket
  metrics?: MetricsServer
}

/** Rejects, with nothing left running, if a part cannot be started; with a `Problem` where somebody can act on it. */
export async function startDaemon(config: Config, log: Log): Promise<Daemon> {
  const parts: Parts = {}
  try {
    const { frontEnd, engine } = await start(parts, config, log)
    return {
      endpoints: frontEnd.endpoints,
      feed: parts.feed?.endpoint,
      metricsAddress: parts.metrics?.address,
      shards: engine.shards,
      close: () => close(parts),
    }
  } catch (error) {
    await close(parts)
    throw error
  }
}

async function start(
  parts: Parts,
  config: Config,
  log: Log,
): Promise<{ readonly engine: Engine; readonly frontEnd: ZmqFrontEnd }> {
  const { bind, shards, data, backups, durability, limits, feed, metrics, extension, slowLogMs, metricsLargest } =
    config
  const engine = await openEngine({
    ...(shards !== undefined && { shards }),
    ...(data !== undefined && { data, durability }),
    ...(data !== undefined && backups !== undefined && { backups }),
    ...(extension !== undefined && { extension }),
    limits,
    log,
    slowLogMs,
  }).catch((error: unknown) => {
    throw extensionProblem(error)
  })
  parts.engine = engine
  const parsePool = new ParsePool(limits, log)
  parts.parsePool = parsePool
  if (feed !== undefined) {
    await refuseTakenPath(feed, '--feed')
    parts.feed = await FeedSocket.bind({ endpoint: feed, feed: engine.feed, log }).catch((error: unknown) => {
      throw listenProblem(feed, '--feed', error)
    })
    engine.router.feedEndpoint = parts.feed.endpoint
    engine.router.feed = engine.feed
  }
  for (const endpoint of bind) await refuseTakenPath(endpoint, '--bind')
  const frontEnd = await ZmqFrontEnd.bind({
    endpoints: bind,
    router: engine.router,
    limits,
    log,
    parser: parsePool,
  }).catch((error: unknown) => {
    const { address = bind.join(', ') } = error as { address?: string }
    throw listenProblem(address, '--bind', error)
  })
  parts.frontEnd = frontEnd
  engine.router.frontEnd = frontEnd
  if (metrics !== undefined) {
    const registry = createMetricsRegistry(engine, frontEnd, parts.feed && engine.feed, { largest: metricsLargest })
    addProcessMetrics(registry)
    const readiness = (): Readiness => engine.router.readiness()
    parts.metrics = await startMetricsServer({ ...metrics, registry, readiness, log }).catch((error: unknown) => {
      throw listenProblem(formatAddress(metrics), '--metrics', error)
    })
  }
  return { engine, frontEnd }
}

/** Health and metrics stay reachable until the end, so that a long drain can be watched. */
async function close({ engine, parsePool, frontEnd, feed, metrics }: Parts): Promise<void> {
  await engine?.router.drain()
  await frontEnd?.close()
  await feed?.close()
  await parsePool?.close()
  await engine?.close()
  await metrics?.close()
}

/** ZeroMQ would take the path away from a daemon that listens there, which would then wait for clients in vain. */
async function refuseTakenPath(text: string, option: '--bind' | '--feed'): Promise<void> {
  const endpoint = parseEndpoint(text)
  if (endpoint?.transport !== 'ipc') return
  const isTaken = await new Promise<boolean>((resolve) => {
    const socket = connect({ path: endpoint.path.replace(/^@/, '\0') })
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
  if (isTaken) throw listenProblem(text, option, { code: 'EADDRINUSE' })
}
