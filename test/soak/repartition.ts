// A folder that is spread over another number of shards again and again, by daemons that are killed at any moment of it:
// the next start, with the old number, the new one or a third, has every write that was acknowledged, each of them once,
// all transactions whole, and tokens that go on rising.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, connect } from '../../src/client/index.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { everyKind } from '../support/every-kind.ts'
import { Program, type RunningDaemon, startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'
import { climbers, creations, stepsTaken } from './climbers.ts'

const shardsMax = 6
/** How many writes a daemon acknowledges before it is killed, at least; a random number up to as many again follows. */
const writesPerLife = 300
/** In one round so many daemons are killed while they spread the data, at most. */
const killsPerRoundMax = 6
/** How long after it has begun one is killed, at most: to begin with, and then up to what it took when it was left alone. */
const spreadMsMax = 200
const startMsMax = 60_000
const accounts = Array.from({ length: 12 }, (_, index) => `account ${index}`)
const balance = 1_000
const locks = Array.from({ length: 8 }, (_, index) => `lock ${index}`)

/** The machine of `everyKind`, without its timer. */
const untimed: JsonObject = {
  initial: 'pending',
  states: {
    pending: { on: { process: 'processing' } },
    processing: { on: { fail: 'failed' } },
    failed: {},
  },
}

/** What must be there again. */
interface Known {
  readonly acknowledged: number[]
  readonly sent: number[]
  /** The newest token of each lock. */
  readonly tokens: Map<string, number>
  /** What is never changed once made, as it was read back at first. */
  fixed: string
}

class Repartitions {
  readonly #folder: string
  readonly #random: (below: number) => number
  readonly #known: Known = { acknowledged: [], sent: [], tokens: new Map(), fixed: '' }
  readonly #writes: number
  readonly counts = { kills: 0, 'of them as it spread': 0, spread: 0, acknowledged: 0, transfers: 0, 'at most, ms': 0 }
  #shards: number
  #spreadMs = spreadMsMax

  constructor({ folder, seed }: Pick<CampaignRun, 'folder' | 'seed'>, writes: number) {
    this.#folder = folder
    this.#random = randomFrom(seed)
    this.#writes = writes
    this.#shards = 1 + this.#random(shardsMax)
  }

  async make(): Promise<void> {
    await this.#withDaemon(async (client) => {
      for (const creation of creations) await client.call(creation)
      for (const account of accounts) {
        await client.call({ cmd: 'SET_KEY', state: account, key: 'balance', value: balance })
      }
      for (const { cmd, state: name, ...fields } of everyKind(20)) {
        const state = `fixed ${name as string}`
        // Nothing is to happen there by itself, however long this goes on.
        const machine = cmd === 'CREATE_STATE' && fields.definition !== undefined ? { definition: untimed } : {}
        // The second time it is there.
        if (cmd === 'SET_STATE') await client.call({ cmd: 'CREATE_STATE', state }).catch(() => {})
        await client.call({ ...fields, ...machine, cmd: cmd as string, state })
      }
      this.#known.fixed = await fixedContents(client)
    })
  }

  /** Load, a death, and the data spread anew, with more deaths; then everything is looked at. */
  async round(): Promise<void> {
    await this.#withDaemon((client, { program }) => this.#load(client, program))
    const kills = 1 + this.#random(killsPerRoundMax)
    for (let kill = 0; kill < kills; kill += 1) await this.#killWhileItSpreads()
    await this.#withDaemon((client) => this.#compare(client))
  }

  /** As its description says; one that is exchanged right now does not say it. */
  #shardsOfFolder(): number {
    const file = join(this.#folder, 'holdfast.json')
    const { shards } = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { shards?: number }) : {}
    return shards ?? this.#another()
  }

  #another(): number {
    return 1 + ((this.#shards + this.#random(shardsMax - 1)) % shardsMax)
  }

  async #withDaemon(use: (client: Client, daemon: RunningDaemon) => Promise<void>): Promise<void> {
    const shards = this.#random(2) === 0 ? this.#shardsOfFolder() : this.#another()
    const daemon = await startDaemon(['--data', this.#folder, '--shards', String(shards)])
    this.#shards = Number(daemon.program.log.find(({ msg }) => msg === 'serving')?.shards)
    const [begun, over] = spreadings(daemon.program)
    if (begun !== undefined && over !== undefined) {
      this.counts.spread += 1
      this.#spreadMs = Math.max(20, Number(over.seconds) * 1_000)
      this.counts['at most, ms'] = Math.max(this.counts['at most, ms'], Math.ceil(this.#spreadMs))
    }
    const client = await connect(daemon.endpoint, { retry: false })
    try {
      await use(client, daemon)
    } finally {
      await client.close({ waitMs: 0 })
      await daemon.program.end()
    }
  }

  /** Until so many writes are acknowledged: then it is killed in the middle of the others. */
  async #load(client: Client, { child, over }: Program): Promise<void> {
    let left = this.#writes + this.#random(this.#writes)
    const onWritten = (): void => {
      left -= 1
      if (left === 0) child.kill('SIGKILL')
    }
    const load = [
      ...climbers.map((_, index) => this.#climb(client, index, onWritten)),
      ...[1, 2, 3].map(() => this.#transfer(client)),
      this.#lock(client),
    ]
    for (const end of await Promise.allSettled(load)) {
      ok(end.status === 'rejected')
      strictEqual((end.reason as { code: string }).code, 'OUTCOME_UNKNOWN', String(end.reason))
    }
    await over
    this.counts.kills += 1
  }

  async #climb(client: Client, index: number, onWritten: () => void): Promise<never> {
    const { acknowledged, sent } = this.#known
    for (;;) {
      const step = (sent[index] ?? 0) + 1
      sent[index] = step
      await client.call(climbers[index]?.command(step) ?? { cmd: 'HELLO' })
      acknowledged[index] = step
      this.counts.acknowledged += 1
      onWritten()
    }
  }

  async #transfer(client: Client): Promise<never> {
    for (;;) {
      const [from, to] = [this.#random(accounts.length), this.#random(accounts.length)]
      const by = 1 + this.#random(9)
      const op = (account: number, amount: number): JsonObject => {
        return { cmd: 'INCREMENT_KEY', state: accounts[account] as string, key: 'balance', by: amount }
      }
      await client.call({ cmd: 'TRANSACTION', ops: [op(from, -by), op(to, by)] })
      this.counts.transfers += 1
    }
  }

  async #lock(client: Client): Promise<never> {
    for (;;) {
      const lock = locks[this.#random(locks.length)] as string
      const { token } = await client.call({ cmd: 'LOCK', lock, owner: 'worker', ttl: 600 })
      this.#noteToken(lock, Number(token))
      await client.call({ cmd: 'UNLOCK', lock, owner: 'worker' })
    }
  }

  /** An owner that asks again for what it has gets the same token; any other is a later one. */
  #noteToken(lock: string, token: number): void {
    ok(token >= (this.#known.tokens.get(lock) ?? 0), `the token of '${lock}' is ${token}`)
    this.#known.tokens.set(lock, token)
  }

  async #killWhileItSpreads(): Promise<void> {
    const places = ['--bind', 'tcp://127.0.0.1:0', '--feed', 'off', '--metrics', 'off']
    const args = ['--data', this.#folder, '--shards', String(this.#another())]
    const program = new Program(['serve', ...places, ...args])
    const hasBegun = (): boolean => spreadings(program).length > 0 || program.log.some(({ msg }) => msg === 'serving')
    try {
      await eventually('a daemon begins to spread the data', () => program.isOver || hasBegun(), startMsMax)
      ok(!program.isOver, `a daemon has ended by itself: ${program.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, this.#random(this.#spreadMs)))
      ok(!program.isOver, `a daemon has ended by itself: ${program.stderr}`)
    } finally {
      await program.end()
    }
    this.counts.kills += 1
    if (spreadings(program).length === 1) this.counts['of them as it spread'] += 1
  }

  async #compare(client: Client): Promise<void> {
    const { acknowledged, sent, tokens, fixed } = this.#known
    for (const [climber, step] of (await stepsTaken((command) => client.call(command))).entries()) {
      ok(
        step >= (acknowledged[climber] ?? 0),
        `step ${step} is the last, though ${acknowledged[climber]} was acknowledged`,
      )
      ok(step <= (sent[climber] ?? 0), `step ${step} was never sent`)
      sent[climber] = step
      acknowledged[climber] = step
    }
    const found = await Promise.all(accounts.map((state) => client.call({ cmd: 'GET_KEY', state, key: 'balance' })))
    const money = found.reduce((sum, { value }) => sum + Number(value), 0)
    strictEqual(money, balance * accounts.length, 'the money is all there')
    strictEqual(await fixedContents(client), fixed, 'what nobody touched is as it was')
    const names = (await client.call({ cmd: 'LIST_STATES' })).states as string[]
    deepStrictEqual(names, [...new Set(names)], 'no state is there twice')
    for (const lock of locks) {
      await client.call({ cmd: 'UNLOCK', lock, owner: 'worker' })
      const before = tokens.get(lock) ?? 0
      const { token } = await client.call({ cmd: 'LOCK', lock, owner: 'worker', ttl: 600 })
      ok(Number(token) > before, `the token of '${lock}' is ${token as number}, and was ${before}`)
      this.#noteToken(lock, Number(token))
      await client.call({ cmd: 'UNLOCK', lock, owner: 'worker' })
    }
  }
}

/** What a daemon has said of spreading the data: that it begins, and that it is over. */
function spreadings(program: Program): Record<string, unknown>[] {
  return program.log.filter(({ from, to }) => from !== undefined && to !== undefined)
}

/** All that can be read of the states that are made once. */
async function fixedContents(client: Client): Promise<string> {
  const { states } = await client.call({ cmd: 'LIST_STATES' })
  const contents: JsonObject[] = []
  for (const state of (states as string[]).filter((name) => name.startsWith('fixed '))) {
    const { shard: _, ...info } = await client.call({ cmd: 'GET_STATE_INFO', state })
    contents.push(info)
    if (info.kind === 'table') contents.push(await client.call({ cmd: 'LIST_RECORDS', state }))
    else if (info.kind === 'machine') contents.push(await client.call({ cmd: 'LIST_INSTANCES', state }))
    else {
      const { keys } = await client.call({ cmd: 'LIST_KEYS', state })
      for (const key of keys as string[]) contents.push(await client.call({ cmd: 'GET_KEY', state, key }))
    }
    const oldest = Number(info.version) - 1
    contents.push(await client.call({ cmd: 'GET_CHANGES', state, since: oldest }))
  }
  return JSON.stringify(contents)
}

/** `writes`: how many a daemon acknowledges before it is killed, at least; up to twice as many. */
export function repartitionCampaign(writes = writesPerLife): Campaign {
  return {
    name: 'repartition',
    tries: 'data that is spread over another number of shards is all there, each thing once, whenever kill -9 comes',
    async run(run): Promise<Counts> {
      const repartitions = new Repartitions(run, writes)
      await repartitions.make()
      while (run.goesOn()) await repartitions.round()
      return repartitions.counts
    },
  }
}
