// A process of the campaign in transactions.ts: an engine on a folder, with a load of transactions of its own. It says on
// standard output what it asks for and what it hears, a line each, in the order in which that happened; first of all what
// it found, which it then clears away but for the balances. Its argument, as JSON: see `Orders`.
import { writeSync } from 'node:fs'
import type { StepFault } from '../../src/protocol/control.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { randomFrom } from '../support/random.ts'
import { namesOnShard } from '../support/shards.ts'
import { InlineEngine } from './inline-engine.ts'

export interface FaultOrder {
  readonly shard: number
  readonly fault: StepFault
  /** It is armed after so many transactions more; with 0, at once. */
  readonly after: number
}

export interface Orders {
  readonly folder: string
  readonly durability: 'strict' | 'relaxed'
  readonly shards: number
  /** Whether each shard has a thread, as in the daemon, or all of them share one, which is there much sooner. */
  readonly hasThreads: boolean
  readonly seed: number
  /** One after the other: of the first the shards die and come back, of the last the process. With none it ends by itself. */
  readonly faults: readonly FaultOrder[]
}

/** What one process says, one to a line. */
export type BankLine =
  | { readonly found: readonly { readonly state: string; readonly log: readonly number[]; readonly balance: number }[] }
  | { readonly asked: number; readonly states: readonly string[] }
  /** `lengths`: of the lists of its states, as the transaction left them. */
  | { readonly told: number; readonly code: string; readonly lengths: readonly number[] }
  | { readonly reading: number; readonly state: string }
  | { readonly read: number; readonly log: readonly number[] }
  | { readonly died: StepFault }

export const startingBalance = 1_000
const statesPerShard = 3
const atOnce = 16
const deathMsMax = 60_000
/** A caller tries again after this, while a shard is away. */
const restMs = 10

/** At once, so that what was said is known however the process ends. */
function say(line: BankLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

type Shards = Pick<InlineEngine, 'router' | 'call' | 'injectFault' | 'close' | 'deathCount'>

/** The engine itself is loaded only where it is used. */
async function openThreads({ folder: data, durability, shards }: Orders): Promise<Shards> {
  const { openEngine } = await import('../../src/engine.ts')
  const limits = { shardDeathsMax: Number.MAX_SAFE_INTEGER }
  const engine = await openEngine({ data, durability, shards, limits, faultsEnabled: true })
  return {
    router: engine.router,
    call: (command) => engine.call(command),
    injectFault: (shard, fault) => engine.injectFault(shard, fault),
    close: () => engine.close(),
    get deathCount() {
      return engine.deaths().reduce((sum, { count }) => sum + count, 0)
    },
  }
}

class Bank {
  readonly #engine: Shards
  readonly #states: readonly string[]
  readonly #random: (below: number) => number
  readonly #faults: FaultOrder[]
  #lastTag = 0
  #lastRead = 0
  #answered = 0

  constructor(engine: Shards, { shards, seed, faults }: Orders) {
    this.#engine = engine
    this.#states = Array.from({ length: shards }, (_, each) => namesOnShard(each, shards, statesPerShard)).flat()
    this.#random = randomFrom(seed)
    this.#faults = [...faults]
  }

  async find(): Promise<void> {
    const found = await Promise.all(
      this.#states.map(async (state) => {
        const log = await this.#engine.call({ cmd: 'GET_KEY', state, key: 'log', default: [] })
        const balance = await this.#engine.call({ cmd: 'GET_KEY', state, key: 'balance', default: startingBalance })
        return { state, log: log.value as number[], balance: balance.value as number }
      }),
    )
    say({ found })
  }

  async work(): Promise<void> {
    const clear = async (state: string): Promise<void> => {
      await this.#engine.call({ cmd: 'CREATE_KEY', state, key: 'balance', value: startingBalance })
      await this.#engine.call({ cmd: 'DELETE_KEY', state, key: 'log' })
    }
    await Promise.all(this.#states.map(clear))
    const loop = async (): Promise<void> => {
      for (;;) {
        await this.#transfer()
        if (this.#random(3) === 0) await this.#read()
      }
    }
    await Promise.all([...Array.from({ length: atOnce }, loop), this.fail()])
  }

  /** Has happen what was ordered; that the process is killed is not survived. */
  async fail(): Promise<void> {
    for (let order = this.#faults.shift(); order !== undefined; order = this.#faults.shift()) {
      const { shard, fault, after } = order
      const enough = this.#answered + after
      if (after > 0) await eventually(`${after} transactions`, () => this.#answered >= enough, deathMsMax)
      const before = this.#engine.deathCount
      // It may be dead before it could say that it took the fault.
      await this.#engine.injectFault(shard, fault).catch(() => {})
      if (fault.startsWith('kill')) return
      await eventually(`shard ${shard} dies by ${fault}`, () => this.#engine.deathCount > before, deathMsMax)
      say({ died: fault })
      await eventually('all shards serve', () => this.#engine.router.isReady, deathMsMax)
    }
  }

  /** Moves money along some states, and leaves its tag in a list of each; now and then it cannot happen. */
  async #transfer(): Promise<void> {
    const random = this.#random
    this.#lastTag += 1
    const tag = this.#lastTag
    const all = [...this.#states]
    const along = Array.from({ length: 2 + random(2) }, () => all.splice(random(all.length), 1)[0] as string)
    const amount = 1 + random(9)
    const ops = along.flatMap((state, index): JsonObject[] => [
      { cmd: 'PUSH_LIST', state, key: 'log', item: tag },
      { cmd: 'INCREMENT_KEY', state, key: 'balance', by: index === 0 ? -amount * (along.length - 1) : amount },
    ])
    if (random(12) === 0) ops.push({ cmd: 'CREATE_KEY', state: along.at(-1) as string, key: 'balance', value: 0 })
    say({ asked: tag, states: along })
    const { code = 'ok', results = [] } = await this.#engine.call({ cmd: 'TRANSACTION', ops })
    const lengths = (results as JsonObject[]).flatMap(({ length }) => (length === undefined ? [] : [length as number]))
    say({ told: tag, code: code as string, lengths })
    if (code === 'ok') this.#answered += 1
    else await new Promise((resolve) => setTimeout(resolve, restMs))
  }

  async #read(): Promise<void> {
    const state = this.#states[this.#random(this.#states.length)] as string
    this.#lastRead += 1
    const read = this.#lastRead
    say({ reading: read, state })
    const { status, value } = await this.#engine.call({ cmd: 'GET_KEY', state, key: 'log', default: [] })
    if (status === 'ok') say({ read, log: value as number[] })
  }
}

async function main(orders: Orders): Promise<void> {
  const { folder: data, durability, shards, hasThreads, faults } = orders
  const engine = hasThreads ? await openThreads(orders) : await InlineEngine.open({ data, durability, shards })
  const bank = new Bank(engine, orders)
  // Armed at once, it may be met while the shards ask each other what was decided.
  if (faults[0]?.after === 0) void bank.fail()
  await bank.find()
  if (faults.length > 0) await bank.work()
  else await engine.close()
}

if (process.argv[1] === import.meta.filename) await main(JSON.parse(process.argv[2] as string) as Orders)
