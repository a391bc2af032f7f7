// Writers on every shard of a durable engine, half of them clients behind a socket and half of them callers in the same
// process, who hold each answer against the truth: what was acknowledged is there, what was said not to have run is not,
// and nobody is refused whose shard had not died. The first lie ends the load.
import { ok, strictEqual } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Limits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { type Client, connect, HoldfastError } from '../../src/client/index.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import { ZmqFrontEnd } from '../../src/frontend/zmq.ts'
import type { Fault } from '../../src/protocol/control.ts'
import { elementOf } from '../../src/protocol/message.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { namesOnShard } from '../support/shards.ts'

export const shards = 3
const statesPerShard = 2
const recordsPerState = 4
const writersPerShard = statesPerShard * recordsPerState
/** How often a caller asks again while its shard is away. */
const askAgainMs = 5
const deathMsMax = 60_000
/** Only these may be heard from a shard that died. */
const refusals = ['OUTCOME_UNKNOWN', 'SHARD_RECOVERING', 'QUARANTINED']

type Reply = JsonObject & { readonly code?: string; readonly message?: string }
type Ask = (command: JsonObject & { readonly cmd: string }) => Promise<Reply>

export class ShardLoad {
  readonly engine: Engine
  readonly #frontEnd: ZmqFrontEnd
  readonly #client: Client
  readonly #folder: string
  readonly #known = new Map<string, number[]>()
  readonly #acknowledged: number[] = Array.from({ length: shards }, () => 0)
  readonly #writers: Promise<unknown>
  readonly counts = { acknowledged: 0, 'said not to have run': 0, 'outcome unknown': 0 }
  #isOver = false
  #answeredTwice = 0

  private constructor(folder: string, engine: Engine, frontEnd: ZmqFrontEnd, client: Client) {
    this.#folder = folder
    this.engine = engine
    this.#frontEnd = frontEnd
    this.#client = client
    const asks: Ask[] = [(command) => this.#askClient(command), (command) => this.#askRouter(command)]
    const writers: Promise<void>[] = []
    for (let shard = 0; shard < shards; shard += 1) {
      for (const state of statesOf(shard)) {
        this.#known.set(state, [])
        for (let id = 1; id <= recordsPerState; id += 1) {
          writers.push(this.#write(asks[id % asks.length] as Ask, shard, state, id))
        }
      }
    }
    this.#writers = Promise.all(writers)
    // Whoever runs the load hears of it by `whileWriting`.
    this.#writers.catch(() => {})
  }

  static async start(folder: string, limits: Partial<Limits>): Promise<ShardLoad> {
    const engine = await openEngine({ shards, data: folder, limits, faultsEnabled: true })
    const { router } = engine
    const bound = { endpoints: ['tcp://127.0.0.1:0'], router, limits: engine.limits, log: silentLog }
    const frontEnd = await ZmqFrontEnd.bind(bound)
    // What is not answered is not tried again, so that each write is known to have been sent once.
    const client = await connect(frontEnd.endpoints, { retry: false })
    for (let shard = 0; shard < shards; shard += 1) {
      for (const state of statesOf(shard)) await client.call({ cmd: 'CREATE_STATE', state })
    }
    return new ShardLoad(folder, engine, frontEnd, client)
  }

  /** Resolves as `work` does, or rejects as soon as a writer was told a lie. */
  async whileWriting<Value>(work: Promise<Value>): Promise<Value> {
    return Promise.race([work, this.#writers.then(() => work)])
  }

  deathsOf(shard: number): number {
    return this.engine.deaths().reduce((sum, death) => sum + (death.shard === shard ? death.count : 0), 0)
  }

  /** Ends the shard in this way, under load. */
  async end(shard: number, fault: Fault): Promise<void> {
    const before = this.deathsOf(shard)
    // It may be dead before it could say that it took the fault.
    await this.engine.injectFault(shard, fault).catch(() => {})
    await eventually(`shard ${shard} dies by ${fault}`, () => this.deathsOf(shard) > before, deathMsMax)
  }

  /** Resolves once every writer of the shard may have written again. */
  async isWritten(shard: number): Promise<void> {
    const enough = (this.#acknowledged[shard] ?? 0) + writersPerShard
    await eventually(`shard ${shard} takes writes`, () => (this.#acknowledged[shard] ?? 0) >= enough, deathMsMax)
  }

  /** Has every writer finish, opens the folder once more, and holds what is there against what was acknowledged. */
  async finish(): Promise<void> {
    this.#isOver = true
    await this.#writers
    await this.close()
    strictEqual(this.#answeredTwice, 0, 'no request is answered twice')
    const engine = await openEngine({ data: this.#folder })
    try {
      for (const [state, known] of this.#known) {
        const { records, version } = await engine.call({ cmd: 'LIST_RECORDS', state })
        const values = new Map((records as { id: number; value: number }[]).map(({ id, value }) => [id, value]))
        for (let id = 1; id <= recordsPerState; id += 1) {
          strictEqual(values.get(id) ?? 0, known[id] ?? 0, `${state}/${id} is as it was said to be`)
        }
        const written = [...values.values()].reduce((sum, value) => sum + value, 0)
        strictEqual(version, written, `each write of ${state} took one version`)
      }
    } finally {
      await engine.close()
    }
  }

  async close(): Promise<void> {
    this.#isOver = true
    await this.#client.close({ waitMs: 0 })
    await this.engine.router.drain()
    await this.#frontEnd.close()
    await this.engine.close()
  }

  /** Raises the value of a record, a write at a time. */
  async #write(ask: Ask, shard: number, state: string, id: number): Promise<void> {
    const values = this.#known.get(state) as number[]
    let deathsSeen = this.deathsOf(shard)
    while (!this.#isOver) {
      const before = values[id] ?? 0
      const value = before + 1
      const { status, code = '', message } = await ask({ cmd: 'SET_RECORD', state, id, data: { value } })
      if (status === 'ok') {
        values[id] = value
        this.counts.acknowledged += 1
        this.#acknowledged[shard] = (this.#acknowledged[shard] ?? 0) + 1
        continue
      }
      if (this.#isOver) return
      ok(refusals.includes(code), `a write of ${state} is refused: ${message}`)
      ok(this.deathsOf(shard) > deathsSeen, `${state} was refused though its shard had not died: ${message}`)
      const found = await this.#readBack(ask, shard, state, id)
      const isUnknown = code === 'OUTCOME_UNKNOWN'
      this.counts[isUnknown ? 'outcome unknown' : 'said not to have run'] += 1
      ok(found.value === before || (isUnknown && found.value === value), `${state}/${id}: ${code} was a lie`)
      values[id] = found.value
      deathsSeen = found.deaths
    }
  }

  /** What the record holds once its shard is back, and how often that had died before it was asked. */
  async #readBack(ask: Ask, shard: number, state: string, id: number): Promise<{ value: number; deaths: number }> {
    for (;;) {
      const deaths = this.deathsOf(shard)
      const { status, record, code = '', message } = await ask({ cmd: 'GET_RECORD', state, id })
      if (status === 'ok') return { value: Number((record as JsonObject | null)?.value ?? 0), deaths }
      ok(refusals.includes(code), `a read of ${state} is refused: ${message}`)
      await sleep(askAgainMs)
    }
  }

  async #askClient(command: Parameters<Ask>[0]): Promise<Reply> {
    try {
      return await this.#client.call(command)
    } catch (error) {
      if (error instanceof HoldfastError) return { status: 'error', code: error.code, message: error.message }
      throw error
    }
  }

  /** Below the router nothing hides a second answer. */
  #askRouter(command: JsonObject): Promise<Reply> {
    return new Promise((resolve) => {
      let answers = 0
      const element = elementOf(command, undefined, { sliceRows: true, commandsMax: 1 })
      this.engine.router.run(element, 'json', (body) => {
        answers += 1
        if (answers > 1) this.#answeredTwice += 1
        const reply = typeof body === 'string' ? (JSON.parse(body) as Reply) : (body as Reply)
        // In a turn of its own, as a loop of refusals would keep the event loop from the restart that it waits for.
        setImmediate(() => resolve(reply))
      })
    })
  }
}

export function statesOf(shard: number): string[] {
  return namesOnShard(shard, shards, statesPerShard, 'soak')
}
