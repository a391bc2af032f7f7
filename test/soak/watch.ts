// Watches under everything that can come between them and a change: readers that stop, a feed that drops, a change log that
// forgets, shards that die and come back from their disk, and watches that end and resume. Each event follows the one before,
// or `lagged` says that it does not, and in the end every copy holds what stands.
import { deepStrictEqual, ok } from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Subscriber } from 'zeromq'
import { type Client, connect } from '../../src/client/index.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { randomFrom } from '../support/random.ts'
import { Replica } from '../support/replica.ts'
import { openServer } from '../support/sockets.ts'
import { documented, Follower } from '../support/watching.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'
import { crowdRound, wholeCrowd } from './watch-crowd.ts'

const states = ['a', 'b', 'c']
const burstsPerRound = 24
const burstSize = 120
const keysPerState = 40
/** Of so many rounds, the one at this place has a crowd. */
const roundsPerCrowd = 30
const crowdPlace = 10

type Random = (below: number) => number

function randomWrite(client: Client, random: Random, value: number): Promise<unknown> {
  const keys = client.keys(states[random(states.length)])
  const key = `${random(3)}/${random(keysPerState)}`
  // A shard that dies may have taken the write or not: the watches tell which.
  const writing = [
    () => keys.set(key, value),
    () => keys.set(key, 'x'.repeat(random(2_000))),
    () => keys.listPush(`list/${random(4)}`, value),
    () => keys.listPop(`list/${random(4)}`, random(2) === 0 ? {} : { end: 'first' }),
    () => keys.delete(key),
    () => (random(60) === 0 ? keys.clear() : keys.increment(`counter/${random(4)}`)),
  ][random(6)] as () => Promise<unknown>
  return writing().catch(() => {})
}

/** Watches a state a few events at a time, each time a new watch from where the last one ended. */
class Resumer {
  readonly replica = new Replica(new Map(), -1)
  resumes = 0
  lagged = 0
  isStale = false
  readonly #end = new AbortController()
  readonly #over: Promise<void>
  #failure: Error | undefined

  constructor(client: Client, state: string, random: Random) {
    this.#over = this.#run(client, state, random).catch((error: unknown) => {
      this.#failure = error as Error
    })
  }

  async reaches(version: number): Promise<void> {
    const hasCome = (): boolean => this.#failure !== undefined || this.replica.version >= version
    await eventually(`a watch at ${this.replica.version} comes to ${version}`, hasCome, 30_000)
    this.#end.abort()
    await this.#over
    if (this.#failure !== undefined) throw this.#failure
  }

  async #run(client: Client, state: string, random: Random): Promise<void> {
    while (!this.#end.signal.aborted) {
      let left = 1 + random(300)
      for await (const event of client.watch(state, { since: this.replica.version, signal: this.#end.signal })) {
        if (event.type === 'lagged') {
          this.lagged += 1
          this.isStale = true
          this.replica.version = event.version
          this.replica.isStale = true
        } else if (event.type !== 'listed' && event.type !== 'ready') this.replica.take(documented(event))
        left -= 1
        if (left === 0) break
      }
      this.resumes += 1
    }
  }
}

async function round(folder: string, random: Random, counts: Counts): Promise<void> {
  // Now and then the log is so short that whoever is late has to hear of it.
  const bounds = random(3) === 0 ? { changesLoggedPerShardMax: 200 + random(800) } : {}
  const limits = { ...bounds, shardDeathsMax: Number.MAX_SAFE_INTEGER }
  const server = await openServer({ feed: 1 + random(64), data: folder, faultsEnabled: true, limits })
  const [writer, reader] = await Promise.all([connect(server.endpoint), connect(server.endpoint)])
  const stopped = new Subscriber({ linger: 0, receiveHighWaterMark: 1 })
  try {
    stopped.connect(server.engine.router.feedEndpoint as string)
    stopped.subscribe(...states.map((state) => `${state}\0`))
    const end = new AbortController()
    const watches = states.flatMap((state) => [0, 1].map(() => reader.watch(state, { signal: end.signal })))
    const slowness = random(3)
    const followers = watches.map(
      (watch, index) =>
        new Follower(watch, async () => {
          if (index % 2 === 1 && random(40) < slowness) await delay(random(20))
        }),
    )
    const resumers = states.map((state) => new Resumer(reader, state, random))
    for (let burst = 0; burst < burstsPerRound; burst += 1) {
      await Promise.all(Array.from({ length: burstSize }, (_, value) => randomWrite(writer, random, value)))
      if (random(12) === 0) await server.engine.injectFault(0, 'throw')
    }
    // The last death may still be to come, at the next command.
    await eventually('the shard serves', () => writer.states().then(Boolean, () => false))
    for (const [index, state] of states.entries()) {
      const { version, contents } = await standing(writer, state)
      const resumer = resumers[index] as Resumer
      await resumer.reaches(version)
      if (!resumer.isStale) deepStrictEqual(resumer.replica.contents, contents)
      counts.resumes = (counts.resumes ?? 0) + resumer.resumes
      counts.lagged = (counts.lagged ?? 0) + resumer.lagged
      for (const follower of followers.slice(index * 2, index * 2 + 2)) {
        await follower.reaches(version, 30_000)
        deepStrictEqual(follower.replica?.contents, contents)
        counts.events = (counts.events ?? 0) + follower.events
        counts.lagged += follower.lagged
      }
      counts.events = (counts.events ?? 0) + resumer.replica.version + 1
    }
    counts['closed by GET_CHANGES'] = watches.reduce(
      (sum, { reads }) => sum + reads,
      counts['closed by GET_CHANGES'] ?? 0,
    )
    end.abort()
    await Promise.all(followers.map(({ over }) => over))
  } finally {
    stopped.close()
    await Promise.all([writer.close({ waitMs: 0 }), reader.close({ waitMs: 0 })])
    await server.close()
  }
}

/** What a keyspace holds, while nobody writes to it. */
async function standing(client: Client, state: string): Promise<{ version: number; contents: Map<string, unknown> }> {
  const contents = new Map<string, unknown>()
  const { keys, state_version: version } = await client.call({ cmd: 'LIST_KEYS', state })
  for (const key of keys as string[]) {
    const reply: JsonObject = await client.call({ cmd: 'GET_KEY', state, key })
    ok(reply.state_version === version, 'nobody writes any more')
    contents.set(key, reply.value)
  }
  return { version: version as number, contents }
}

export const watchCampaign: Campaign = {
  name: 'watch',
  tries: 'a watch tells every change once and in order, or says that it cannot, also one of ten thousand',
  async run({ seed, folder, goesOn }: CampaignRun): Promise<Counts> {
    const random = randomFrom(seed)
    const counts: Counts = { rounds: 0, events: 0, resumes: 0, lagged: 0 }
    while (goesOn()) {
      counts.rounds = (counts.rounds ?? 0) + 1
      const ownFolder = join(folder, String(counts.rounds))
      if (counts.rounds % roundsPerCrowd === crowdPlace) await crowdRound(ownFolder, random, counts, wholeCrowd)
      else await round(ownFolder, random, counts)
    }
    return { ...counts, 'unannounced gaps': 0 }
  },
}
