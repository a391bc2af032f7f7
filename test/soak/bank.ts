// A process of the campaign in transactions.ts: an engine on a folder, with a load of transactions of its own. It says on
// standard output what it asks for and what it hears, a line each, in the order in which that happened; first of all what
// it found, which it then clears away but for the balances. Arguments: folder, durability, number of shards, seed, and the
// shard that kills the process, after how many transactions, at which fault.
import { writeSync } from 'node:fs'
import { openEngine } from '../../src/engine.ts'
import type { StepFault } from '../../src/protocol/control.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { randomFrom } from '../support/random.ts'
import { namesOnShard } from '../support/shards.ts'

/** What one process says, one to a line. */
export type BankLine =
  | { readonly found: readonly { readonly state: string; readonly log: readonly number[]; readonly balance: number }[] }
  | { readonly begun: true }
  | { readonly asked: number; readonly states: readonly string[] }
  | { readonly told: number; readonly code: string }

export const startingBalance = 1_000
const statesPerShard = 3
const atOnce = 16

/** At once, so that what was said is known however the process ends. */
function say(line: BankLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

async function main(args: readonly string[]): Promise<void> {
  const [folder = '', durability, shardCount, seed, shard, after, fault] = args
  const shards = Number(shardCount)
  const random = randomFrom(Number(seed))
  const engine = await openEngine({ data: folder, durability: durability as 'strict', shards, faultsEnabled: true })
  const states = Array.from({ length: shards }, (_, each) => namesOnShard(each, shards, statesPerShard)).flat()
  const found = await Promise.all(
    states.map(async (state) => {
      const log = await engine.call({ cmd: 'GET_KEY', state, key: 'log', default: [] })
      const balance = await engine.call({ cmd: 'GET_KEY', state, key: 'balance', default: startingBalance })
      return { state, log: log.value as number[], balance: balance.value as number }
    }),
  )
  say({ found })
  for (const state of states) {
    await engine.call({ cmd: 'CREATE_KEY', state, key: 'balance', value: startingBalance })
    await engine.call({ cmd: 'DELETE_KEY', state, key: 'log' })
  }
  say({ begun: true })
  let tag = 0
  let left = Number(after)
  const transfer = async (): Promise<void> => {
    tag += 1
    const own = tag
    const all = [...states]
    const along = Array.from({ length: 2 + random(2) }, () => all.splice(random(all.length), 1)[0] as string)
    const amount = 1 + random(9)
    const ops = along.flatMap((state, index): JsonObject[] => [
      { cmd: 'PUSH_LIST', state, key: 'log', item: own },
      { cmd: 'INCREMENT_KEY', state, key: 'balance', by: index === 0 ? -amount * (along.length - 1) : amount },
    ])
    say({ asked: own, states: along })
    const { code = 'ok' } = await engine.call({ cmd: 'TRANSACTION', ops })
    say({ told: own, code: code as string })
    left -= 1
    if (left === 0) await engine.injectFault(Number(shard), fault as StepFault)
  }
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (;;) await transfer()
    }),
  )
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2))
