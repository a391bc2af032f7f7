// An engine that is killed at each step of its transactions, again and again, under a load of transfers and list-appends
// over its shards: all of a transaction is there or nothing, what was told is true, no money comes or goes, all that was
// undecided is settled at the next start, and what callers saw fits one order of all transactions.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Durability } from '../../src/base/durability.ts'
import type { StepFault } from '../../src/protocol/control.ts'
import { randomFrom } from '../support/random.ts'
import { inOneOrder } from '../support/serial-order.ts'
import { type BankLine, startingBalance } from './bank.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const shards = 2
const faults: readonly StepFault[] = [
  'kill-after-decide',
  'kill-after-prepare',
  'kill-before-finish',
  'kill-before-decide',
  'kill-after-finish',
  'kill-before-prepare',
]
/** How many transactions go well before the process is killed, at most. */
const transactionsMax = 60
/** A process that lives on for so long is stuck. */
const lifeMsMax = 120_000

interface Transfer {
  readonly states: readonly string[]
  readonly invokedAt: number
  answeredAt: number
  code: string | undefined
}

type Found = Extract<BankLine, { found: unknown }>['found']

/** What one process said. */
interface Life {
  readonly found: Found
  readonly transfers: ReadonlyMap<number, Transfer>
}

/** Runs one process to its end. With `fault` undefined it ends as soon as it has said what it found. */
async function live(args: readonly string[], isLast: boolean, inspect: (found: Found) => void): Promise<Life> {
  const program = join(process.cwd(), 'dist', 'test', 'soak', 'bank.js')
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  const timer = setTimeout(() => child.kill('SIGTERM'), lifeMsMax)
  const transfers = new Map<number, Transfer>()
  let found: Found = []
  let moment = 0
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as BankLine
      moment += 1
      if ('found' in line) {
        ;({ found } = line)
        inspect(found)
        if (isLast) child.kill('SIGKILL')
      } else if ('asked' in line) {
        transfers.set(line.asked, { states: line.states, invokedAt: moment, answeredAt: Infinity, code: undefined })
      } else if ('told' in line)
        Object.assign(transfers.get(line.told) as Transfer, { answeredAt: moment, code: line.code })
    }
    const [status, signal] = (await closed) as [number | null, NodeJS.Signals | null]
    strictEqual(signal, 'SIGKILL', `the process ended by itself, with status ${status}`)
    return { found, transfers }
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
  }
}

/** Holds what a process found against what the one before it had asked for and heard. */
function compare(found: Found, before: Life | undefined): void {
  const money = found.reduce((sum, { balance }) => sum + balance, 0)
  strictEqual(money, startingBalance * found.length, 'the money is all there')
  if (before === undefined) return
  const logs = new Map(found.map(({ state, log }) => [state, log]))
  for (const [tag, { states, code }] of before.transfers) {
    const seen = states.map((state) => logs.get(state)?.filter((each) => each === tag).length ?? 0)
    const [first = 0] = seen
    deepStrictEqual(
      seen,
      seen.map(() => first),
      `all or nothing of transaction ${tag}`,
    )
    ok(first <= 1, `transaction ${tag} is there once`)
    if (code === 'ok') strictEqual(first, 1, `transaction ${tag} was acknowledged`)
    else if (code !== undefined && code !== 'OUTCOME_UNKNOWN') strictEqual(first, 0, `transaction ${tag}: ${code}`)
  }
  const tagged = [...before.transfers].map(([tag, { invokedAt, answeredAt }]) => ({ tag, invokedAt, answeredAt }))
  ok(inOneOrder(logs, tagged), 'there is one order of all transactions')
}

async function killAtEachStep(durability: Durability, { seed, folder, goesOn }: CampaignRun): Promise<Counts> {
  const random = randomFrom(seed)
  const counts: Record<string, number> = {
    kills: 0,
    committed: 0,
    ...Object.fromEntries(faults.map((name) => [name, 0])),
  }
  let before: Life | undefined
  for (let life = 0; ; life += 1) {
    const isLast = !goesOn()
    const fault = faults[life % faults.length] as StepFault
    const chance = [random(shards), 1 + random(transactionsMax)].map(String)
    const args = [folder, durability, String(shards), String(seed + life), ...chance, fault]
    const earlier = before
    before = await live(args, isLast, (found) => compare(found, earlier))
    if (isLast) return counts
    counts.kills = (counts.kills ?? 0) + 1
    counts[fault] = (counts[fault] ?? 0) + 1
    for (const { code } of before.transfers.values()) if (code === 'ok') counts.committed = (counts.committed ?? 0) + 1
  }
}

export function transactionCampaign(durability: Exclude<Durability, 'memory'>): Campaign {
  return {
    name: `transactions-${durability}`,
    tries: `a transaction over several shards happens whole or not at all in ${durability} mode, killed at any step`,
    run: (run) => killAtEachStep(durability, run),
  }
}
