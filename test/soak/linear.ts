// Histories of real threads that die: callers of every sort, few states that all of them want, and shards that throw, exit,
// lose the answers of their commits or loop, while each state's history is written down. Some callers give up early; some
// are behind a network that loses and doubles their writes; some ask again until they know. Then each history is judged.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Storage } from '../../src/base/durability.ts'
import { silentLog } from '../../src/base/log.ts'
import { shardOf } from '../../src/base/placement.ts'
import { type Client, connect, HoldfastError } from '../../src/client/index.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import { ZmqFrontEnd } from '../../src/frontend/zmq.ts'
import type { Fault } from '../../src/protocol/control.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { History, toldBy } from '../linear/history.ts'
import { isRead } from '../linear/sequential.ts'
import { Caller, creations, lastReads, nextCommand, type Subject, subjectKinds, subjectOf } from '../linear/subjects.ts'
import { Tally } from '../linear/tally.ts'
import { openDealer } from '../support/dealer.ts'
import { LossyProxy } from '../support/lossy-proxy.ts'
import { randomFrom } from '../support/random.ts'
import { namesOnShard } from '../support/shards.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const shards = 2
const subjectsPerKind = 2
const commandsPerCaller = 8
/** A new engine on a new folder comes after so many rounds, so that no recovery has much to read. */
const roundsPerEngine = 10
/** Of so many calls, one is given up after at most so long. */
const oneInImpatient = 5
const patienceMsMax = 60
/** How long a caller does something else where its shard is away. */
const awayMs = 4
/** Even where processors are short, and a shard has to be found hung. */
const roundMsMax = 120_000
const closeMsMax = 30_000
const losses = { lostPercent: 10, doubledPercent: 10 }
const limits = {
  shardDeathsMax: Number.MAX_SAFE_INTEGER,
  shardHeapMegabytesMax: 64,
  // A shard that is short of processors is silent for a while and need not die for it.
  shardSilenceMsMax: 1_000,
}
const quickFaults: readonly Fault[] = [
  'throw',
  'exit',
  'lost-answer',
  'lost-answer',
  'fail-after-prepare',
  'fail-before-decide',
  'fail-after-decide',
  'fail-before-finish',
]
const slowFaults: readonly Fault[] = ['endless-loop', 'out-of-memory']
const oneInSlow = 25

/** Resolves to a reply, or to undefined for a caller who waits no longer. Never rejects. */
type Ask = (command: JsonObject, patienceMs: number | undefined) => Promise<JsonObject | undefined>

/** An engine with its clients. */
class Place {
  readonly engine: Engine
  readonly asks: ReadonlyMap<string, Ask>
  readonly #close: (() => Promise<unknown> | void)[]

  private constructor(engine: Engine, asks: ReadonlyMap<string, Ask>, close: (() => Promise<unknown> | void)[]) {
    this.engine = engine
    this.asks = asks
    this.#close = close
  }

  static async open(data: string, durability: Storage['durability'], seed: number): Promise<Place> {
    const engine = await openEngine({ shards, data, durability, limits, faultsEnabled: true })
    const { router } = engine
    const bound = { endpoints: ['tcp://127.0.0.1:0'], router, limits: engine.limits, log: silentLog }
    const frontEnd = await ZmqFrontEnd.bind(bound)
    const [endpoint = ''] = frontEnd.endpoints
    const proxy = await LossyProxy.open(endpoint, { ...losses, random: randomFrom(seed) })
    const retrying = await connect(proxy.endpoint, { retryAfterMs: 25 })
    const once = await connect(endpoint, { retry: false })
    const dealer = openDealer(endpoint, { asArrays: false, silenceMsMax: -1 })
    const asks = new Map<string, Ask>([
      ['retrying', askClient(retrying)],
      ['once', askClient(once)],
      ['plain', (command, patienceMs) => within(dealer.call(command), patienceMs)],
      ['keyed', (command, patienceMs) => within(engine.call(command), patienceMs)],
    ])
    return new Place(engine, asks, [
      () => retrying.close({ waitMs: 0 }),
      () => once.close({ waitMs: 0 }),
      () => proxy.close(),
      () => dealer.close().catch(() => {}),
      () => router.drain(),
      () => frontEnd.close(),
      () => engine.close(),
    ])
  }

  deathsOf(shard: number): number {
    return this.engine.deaths().reduce((sum, death) => sum + (death.shard === shard ? death.count : 0), 0)
  }

  async close(): Promise<void> {
    const closed = (async () => {
      for (const close of this.#close) await close()
    })()
    // An engine that somebody waits for in vain may not end; what is wrong with it is said all the same.
    await Promise.race([closed, sleep(closeMsMax, undefined, { ref: false })])
  }
}

function askClient(client: Client): Ask {
  return async (command, timeoutMs) => {
    try {
      return await client.call(command as JsonObject & { cmd: string }, timeoutMs === undefined ? {} : { timeoutMs })
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      return { status: 'error', code: error.code, message: error.message, ...error.details }
    }
  }
}

function within(reply: Promise<JsonObject>, patienceMs: number | undefined): Promise<JsonObject | undefined> {
  if (patienceMs === undefined) return reply
  return Promise.race([reply, sleep(patienceMs, undefined, { ref: false })])
}

/** One round: its subjects, and what is done to them. */
class Round {
  readonly histories: readonly (readonly [Subject, History])[]
  readonly #place: Place
  readonly #random: (below: number) => number
  #lastTag = 0
  /** The calls that are waited for, and what was heard of them last. */
  readonly #waiting = new Map<JsonObject, string>()
  /** After so many answers, a shard meets a fault. */
  readonly #faults: { after: number; shard: number; fault: Fault }[]
  #answers = 0

  constructor(place: Place, random: (below: number) => number, number: number) {
    this.#place = place
    this.#random = random
    this.histories = subjectKinds.flatMap((kind, kindIndex) =>
      Array.from({ length: subjectsPerKind }, (_, index) => {
        const nameOn = (shard: number): string =>
          namesOnShard(shard % shards, shards, 1, `${number} ${kind} ${index}`)[0] as string
        return [subjectOf(kind, nameOn(kindIndex + index), nameOn(kindIndex + index + 1)), new History()] as const
      }),
    )
    const all = this.histories.length * place.asks.size * commandsPerCaller
    this.#faults = Array.from({ length: shards }, (_, shard) => {
      const faults = random(oneInSlow) === 0 ? slowFaults : quickFaults
      return { after: random(all >> 1) + (all >> 3), shard, fault: faults[random(faults.length)] as Fault }
    })
  }

  /** Rejects where somebody waits for longer than any of what is done to shards takes. */
  async toItsEnd(): Promise<void> {
    const end = new AbortController()
    const late = sleep(roundMsMax, undefined, { signal: end.signal }).then(() => {
      const waiting = [...this.#waiting].map(
        ([command, heard]) => `  ${JSON.stringify(command).slice(0, 120)} ${heard}`,
      )
      throw new Error(`after ${roundMsMax / 1_000} s these wait for an answer:\n${waiting.join('\n')}`)
    })
    late.catch(() => {})
    try {
      await Promise.race([this.#go(), late])
    } finally {
      end.abort()
    }
  }

  async #go(): Promise<void> {
    const { asks } = this.#place
    await Promise.all(this.histories.map(([subject, history]) => this.#inTurn(history, creations(subject))))
    await Promise.all(
      this.histories.flatMap(([subject, history]) =>
        [...asks].map(([manner, ask]) => this.#callAgainAndAgain(subject, history, new Caller(manner), ask)),
      ),
    )
    await Promise.all(this.histories.map(([subject, history]) => this.#inTurn(history, lastReads(subject))))
  }

  /** One after another, each until it is answered. */
  async #inTurn(history: History, commands: readonly JsonObject[]): Promise<void> {
    for (const command of commands) {
      let told: string
      do {
        const made = history.begin('first and last', command)
        const reply = await this.#waitFor(command, this.#place.engine.call(command))
        made.answer(reply)
        told = toldBy(reply)
        if (told !== 'ran') await sleep(awayMs)
      } while (told !== 'ran')
    }
  }

  async #callAgainAndAgain(subject: Subject, history: History, caller: Caller, ask: Ask): Promise<void> {
    for (let left = commandsPerCaller; left > 0; ) {
      this.#lastTag += 1
      const command = nextCommand(subject, this.#random, caller, this.#lastTag)
      const isKeyed = caller.name === 'keyed' && command.cmd !== 'TRANSACTION' && !isRead(command)
      const sent = isKeyed ? { ...command, idempotency_key: `${this.#lastTag}` } : command
      const patienceMs = this.#random(oneInImpatient) === 0 ? this.#random(patienceMsMax) : undefined
      const made = history.begin(caller.name, sent)
      let reply = await this.#waitFor(sent, ask(sent, patienceMs))
      while (isKeyed && reply !== undefined && toldBy(reply) !== 'ran') {
        await sleep(awayMs)
        reply = await this.#waitFor(sent, ask(sent, undefined))
      }
      this.#waiting.delete(sent)
      if (reply !== undefined) {
        made.answer(reply)
        caller.notice(command, reply)
      }
      if (reply !== undefined && toldBy(reply) === 'did not run') await sleep(awayMs)
      else {
        left -= 1
        this.#noticeAnswer()
      }
    }
  }

  async #waitFor<Reply extends JsonObject | undefined>(command: JsonObject, reply: Promise<Reply>): Promise<Reply> {
    this.#waiting.set(command, this.#waiting.get(command) ?? 'has heard nothing')
    const heard = await reply
    // A command that is asked again is waited for still.
    if (heard === undefined || toldBy(heard) === 'ran') this.#waiting.delete(command)
    else this.#waiting.set(command, `heard ${JSON.stringify(heard)}`)
    return heard
  }

  #noticeAnswer(): void {
    this.#answers += 1
    for (const { after, shard, fault } of this.#faults) {
      // It may be dead before it could say that it took the fault.
      if (this.#answers === after) this.#place.engine.injectFault(shard, fault).catch(() => {})
    }
  }
}

async function dieAgainAndAgain({ seed, folder, goesOn }: CampaignRun): Promise<Counts> {
  const random = randomFrom(seed)
  const tally = new Tally()
  let number = 0
  for (let engines = 0; goesOn(); engines += 1) {
    const durability = engines % 2 === 0 ? 'strict' : 'relaxed'
    const place = await Place.open(`${folder}/${engines}`, durability, random(2 ** 31))
    try {
      do {
        number += 1
        const round = new Round(place, random, number)
        const before = Array.from({ length: shards }, (_, shard) => place.deathsOf(shard))
        await round.toItsEnd()
        const died = before.map((count, shard) => place.deathsOf(shard) - count)
        tally.deaths += died.reduce((sum, count) => sum + count, 0)
        for (const [subject, history] of round.histories) {
          const isHurt = subject.names.some((name) => (died[shardOf(name, shards)] ?? 0) > 0)
          tally.take(subject, history, `round ${number}`, isHurt)
        }
      } while (number % roundsPerEngine !== 0 && goesOn())
    } finally {
      await place.close()
    }
  }
  return tally.counts()
}

export const linearCampaign: Campaign = {
  name: 'linear',
  tries: 'commands on one state are linearizable, while its shard dies and callers give up or ask again',
  run: dieAgainAndAgain,
}
