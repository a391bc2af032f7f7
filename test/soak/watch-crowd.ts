// Ten thousand states that are watched at once: by one client whose watches stay, some as one watch and some each alone, and by
// clients that come with thousands, go on from where they were, and leave, some without a word. Beside them everything is written
// to, and the server is stopped and started again. Part of the campaign `watch`.
import { ok, strictEqual } from 'node:assert/strict'
import { type Client, connect } from '../../src/client/index.ts'
import type { WatchEvent } from '../../src/client/watch-events.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/ports.ts'
import { openServer, type Server } from '../support/sockets.ts'
import type { Counts } from './campaign.ts'

type Random = (below: number) => number

export interface Crowd {
  readonly states: number
  /** How often the server is started again. */
  readonly restarts: number
  /** Clients that come and go. */
  readonly comers: number
  /** Between two restarts, and as many while the server is away. */
  readonly writesPerRestart: number
}

export const wholeCrowd: Crowd = { states: 10_000, restarts: 2, comers: 3, writesPerRestart: 4_000 }

const patienceMs = 240_000
const writesAtOnce = 1_000
/** A start of the server that takes so long finds watches that have given up on the feed. */
const longStopMs = 3_500

/** What watches have told, state by state: no event may come that does not follow the one before. */
class Told {
  readonly versions = new Map<string, number>()
  events = 0
  /** The value that stands, as it was told last. */
  readonly values = new Map<string, unknown>()

  take(event: WatchEvent): void {
    const { type, state, version } = event
    // All that ever happens here fits into what a shard keeps.
    ok(type !== 'lagged', `${state} has missed nothing that could not be told`)
    if (type === 'listed') return void this.values.set(state, event.newValue)
    if (type !== 'ready') {
      strictEqual(version, (this.versions.get(state) ?? Number.NaN) + 1, `what follows of ${state}`)
      this.values.set(state, event.newValue)
    }
    this.versions.set(state, version)
    this.events += 1
  }
}

async function follow(watch: AsyncIterable<WatchEvent>, told: Told, goesOn?: () => Promise<boolean>): Promise<void> {
  for await (const event of watch) {
    told.take(event)
    if (goesOn !== undefined && !(await goesOn())) return
  }
}

/** Watches some of the states again and again until it is told to end, each time on from where it was. */
async function comeAndGo(endpoint: string, states: readonly string[], random: Random, end: AbortSignal): Promise<Told> {
  const told = new Told()
  while (!end.aborted) {
    const client = await connect(endpoint, { connectTimeoutMs: patienceMs })
    const watch = client.watchAll(states, { cursor: Object.fromEntries(told.versions), signal: end })
    let left = states.length + random(states.length)
    const isAbrupt = random(2) === 0
    await follow(watch, told, async () => {
      left -= 1
      if (left === 0 && isAbrupt) await client.close({ waitMs: 0 })
      return left > 0
    })
    await client.close({ waitMs: 0 })
  }
  return told
}

async function writeAll(writer: Client, states: readonly string[], values: number[], counts: Counts): Promise<void> {
  for (let from = 0; from < values.length; from += writesAtOnce) {
    const writes = values.slice(from, from + writesAtOnce).map((value) => {
      const state = states[value % states.length] as string
      return writer.keys<number>(state).set('n', value, { timeoutMs: patienceMs })
    })
    await Promise.all(writes)
    counts['written to crowds'] = (counts['written to crowds'] ?? 0) + writes.length
  }
}

export async function crowdRound(folder: string, random: Random, counts: Counts, crowd: Crowd): Promise<void> {
  const endpoints = [`tcp://127.0.0.1:${await freePort()}`]
  const open = (): Promise<Server> => openServer({ data: folder, endpoints, feed: true })
  let server = await open()
  const endpoint = server.endpoint
  const [writer, reader] = await Promise.all([connect(endpoint), connect(endpoint)])
  const end = new AbortController()
  const states = Array.from({ length: crowd.states }, (_, index) => `s${index}`)
  const written = new Map<string, number>()
  let lastValue = 0
  const nextValues = (count: number): number[] =>
    Array.from({ length: count }, () => {
      lastValue += 1 + random(7)
      written.set(states[lastValue % states.length] as string, lastValue)
      return lastValue
    })
  try {
    const told = new Told()
    const half = states.length / 2
    const { signal } = end
    const staying = [
      follow(reader.watchAll(states.slice(half), { signal }), told),
      ...states.slice(0, half).map((state) => follow(reader.watch(state, { signal }), told)),
    ]
    const failed = Promise.race(staying)
    const shares = Array.from({ length: crowd.comers }, () => states.filter(() => random(2) === 0))
    const comers = shares.map((share) => comeAndGo(endpoint, share, random, signal))
    for (let restart = 0; restart <= crowd.restarts; restart += 1) {
      if (restart > 0) {
        const writing = writeAll(writer, states, nextValues(crowd.writesPerRestart), counts)
        await server.close()
        if (random(2) === 0) await new Promise((resolve) => setTimeout(resolve, longStopMs))
        server = await open()
        await writing
      }
      await writeAll(writer, states, nextValues(crowd.writesPerRestart), counts)
    }
    const missing = new Set(written.keys())
    const isTold = (): boolean => {
      for (const state of missing) {
        if (told.values.get(state) !== written.get(state)) return false
        missing.delete(state)
      }
      return told.versions.size === states.length
    }
    await Promise.race([eventually('all watches have told everything', isTold, patienceMs), failed])
    end.abort()
    await Promise.all(staying)
    const left = await Promise.all(comers)
    counts['events of crowds'] = [told, ...left].reduce(
      (sum, { events }) => sum + events,
      counts['events of crowds'] ?? 0,
    )
    counts.subscriptions = shares.reduce(
      (sum, share) => sum + share.length,
      (counts.subscriptions ?? 0) + states.length,
    )
    counts.restarts = (counts.restarts ?? 0) + crowd.restarts
  } finally {
    end.abort()
    await Promise.all([writer.close({ waitMs: 0 }), reader.close({ waitMs: 0 })])
    await server.close()
  }
}
