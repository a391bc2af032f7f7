// Engines that are killed at each step of their transactions, again and again, and whose shards die at each step meanwhile,
// under a load of transfers and list-appends over the shards: all of a transaction is there or nothing, what was told is
// true, no money comes or goes, all that was undecided is settled at the next start, and what callers saw fits one order
// of all transactions and reads.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decidedTable, preparedTable } from '../../src/journal/kept-rows.ts'
import { loadSqlite } from '../../src/journal/sqlite-library.ts'
import type { StepFault, TransactionCommit } from '../../src/protocol/control.ts'
import { randomFrom } from '../support/random.ts'
import { inOneOrder } from '../support/serial-order.ts'
import { type BankLine, type FaultOrder, type Orders, startingBalance } from './bank.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

/** Engines one after the other on one folder. Lanes run beside each other. */
type Lane = Pick<Orders, 'shards' | 'hasThreads'>
export const withThreads: Lane = { shards: 2, hasThreads: true }
export const withoutThreads: Lane = { shards: 3, hasThreads: false }
type Step = `${'before' | 'after'}-${TransactionCommit}`
/** Those first after which there is most to be settled. */
const steps: readonly Step[] = [
  'after-decide',
  'after-prepare',
  'before-finish',
  'before-decide',
  'after-finish',
  'before-prepare',
  'before-forget',
  'after-forget',
]
/** How many transactions go well before something happens, at most. */
const transactionsMax = 24
/** Every so many lives the process is to be killed while it takes up what the one before it left. */
const earlyEvery = 4
/** A process that lives on for so long is stuck. */
const lifeMsMax = 120_000

interface Transfer {
  readonly states: readonly string[]
  readonly invokedAt: number
  answeredAt: number
  code: string | undefined
  lengths: readonly number[]
}

interface Read {
  readonly state: string
  readonly invokedAt: number
  answeredAt: number
  log: readonly number[] | undefined
}

type Found = Extract<BankLine, { found: unknown }>['found']

/** What one process said; `found` is undefined if it was killed before it could say that. */
interface Life {
  found: Found | undefined
  readonly transfers: Map<number, Transfer>
  readonly reads: Map<number, Read>
  readonly deaths: StepFault[]
}

/** Runs one process to its end: that it is killed by its own orders, or without any that it ends well. */
async function live(orders: Orders, signal: AbortSignal): Promise<Life> {
  const program = join(process.cwd(), 'dist', 'test', 'soak', 'bank.js')
  // A pipe that nobody reads in time would be full.
  const saidFile = `${orders.folder}.said`
  const said = openSync(saidFile, 'w')
  const child = spawn(process.execPath, [program, JSON.stringify(orders)], {
    stdio: ['ignore', said, 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  })
  closeSync(said)
  const timer = setTimeout(() => child.kill('SIGTERM'), lifeMsMax)
  try {
    const expected = orders.faults.length > 0 ? [null, 'SIGKILL'] : [0, null]
    deepStrictEqual(await once(child, 'close'), expected, `the process comes to its end (${JSON.stringify(orders)})`)
  } finally {
    clearTimeout(timer)
    child.kill('SIGKILL')
  }
  const life: Life = { found: undefined, transfers: new Map(), reads: new Map(), deaths: [] }
  const lines = readFileSync(saidFile, 'utf8').trimEnd().split('\n')
  // Of the last line only a part may be there.
  for (const [moment, text] of lines.entries()) if (text.endsWith('}')) note(life, JSON.parse(text) as BankLine, moment)
  return life
}

function note(life: Life, line: BankLine, moment: number): void {
  const { transfers, reads, deaths } = life
  if ('found' in line) life.found = line.found
  else if ('died' in line) deaths.push(line.died)
  else if ('asked' in line) {
    const { asked, states } = line
    transfers.set(asked, { states, invokedAt: moment, answeredAt: Infinity, code: undefined, lengths: [] })
  } else if ('told' in line) {
    const { told, code, lengths } = line
    Object.assign(transfers.get(told) as Transfer, { answeredAt: moment, code, lengths })
  } else if ('reading' in line) {
    reads.set(line.reading, { state: line.state, invokedAt: moment, answeredAt: Infinity, log: undefined })
  } else Object.assign(reads.get(line.read) as Read, { answeredAt: moment, log: line.log })
}

/** Holds what a process found against what those before it had asked for and heard. */
function compare(found: Found, { transfers, reads }: Life): void {
  const logs = new Map(found.map(({ state, log }) => [state, log]))
  for (const [tag, { states, code, lengths }] of transfers) {
    const seen = states.map((state) => logs.get(state)?.filter((each) => each === tag).length ?? 0)
    const [first = 0] = seen
    deepStrictEqual(
      seen,
      seen.map(() => first),
      `all or nothing of transaction ${tag}`,
    )
    ok(first <= 1, `transaction ${tag} is there once`)
    if (code === 'ok') {
      const places = states.map((state) => (logs.get(state)?.indexOf(tag) ?? -1) + 1)
      deepStrictEqual(places, lengths, `transaction ${tag} was acknowledged, and its results are true`)
    } else if (code !== undefined && code !== 'OUTCOME_UNKNOWN') strictEqual(first, 0, `transaction ${tag}: ${code}`)
  }
  const saw = [...reads.values()].flatMap(({ log, ...read }) => (log === undefined ? [] : [{ ...read, log }]))
  for (const { state, log } of saw) {
    deepStrictEqual(logs.get(state)?.slice(0, log.length), log, `what was read of ${state} is still so`)
  }
  const tagged = [...transfers].map(([tag, { invokedAt, answeredAt }]) => ({ tag, invokedAt, answeredAt }))
  const looked = saw.map(({ log, ...read }) => ({ ...read, length: log.length }))
  ok(inOneOrder(logs, tagged, looked), 'there is one order of all transactions and reads')
}

/** After an orderly end nobody waits for a decision, and none is kept. */
function expectNothingOpen(folder: string, shards: number): void {
  for (let shard = 0; shard < shards; shard += 1) {
    const database = new (loadSqlite().DatabaseSync)(join(folder, `shard-${shard}.db`))
    try {
      const left = database.prepare('SELECT key FROM rows WHERE tbl IN (?, ?)').all(preparedTable, decidedTable)
      strictEqual(left.length, 0, `no transaction of shard ${shard} is left open`)
    } finally {
      database.close()
    }
  }
}

class Counting {
  readonly counts = { kills: 0, 'while taking over': 0, committed: 0, refused: 0, unknown: 0, reads: 0 }
  readonly #kills = new Map<string, number>(steps.map((step) => [step, 0]))
  readonly #deaths = new Map<string, number>(steps.map((step) => [step, 0]))

  countKill(step: Step, { found, deaths, transfers, reads }: Life): void {
    this.counts.kills += 1
    if (found === undefined) this.counts['while taking over'] += 1
    this.#kills.set(step, (this.#kills.get(step) ?? 0) + 1)
    for (const fault of deaths) {
      const name = fault.slice('fail-'.length)
      this.#deaths.set(name, (this.#deaths.get(name) ?? 0) + 1)
    }
    for (const { code } of transfers.values()) {
      if (code === 'ok') this.counts.committed += 1
      else if (code === 'OUTCOME_UNKNOWN') this.counts.unknown += 1
      else if (code !== undefined) this.counts.refused += 1
    }
    for (const { log } of reads.values()) if (log !== undefined) this.counts.reads += 1
  }

  get all(): Counts {
    const named = (kind: string, of: ReadonlyMap<string, number>): [string, number][] =>
      [...of].map(([step, count]) => [`${kind} ${step.replace('-', ' ')}`, count])
    return {
      ...this.counts,
      ...Object.fromEntries([...named('kills', this.#kills), ...named('deaths', this.#deaths)]),
      partial: 0,
      stuck: 0,
    }
  }
}

async function killAtEachStep(
  durability: 'strict' | 'relaxed',
  lanes: readonly Lane[],
  { seed, folder, goesOn }: CampaignRun,
): Promise<Counts> {
  const counting = new Counting()
  let begun = 0
  let failure: unknown
  const ended = new AbortController()
  const runLane = async ({ shards, hasThreads }: Lane, lane: number): Promise<void> => {
    const random = randomFrom(seed + lane)
    const own = join(folder, `lane-${lane}`)
    /** The last process that lived long enough to clear away what the one before it had left. */
    let before: Life | undefined
    const expectTruth = (found: Found): void => {
      strictEqual(sumOf(found), startingBalance * found.length, 'the money is all there')
      if (before !== undefined) compare(found, before)
    }
    while (goesOn()) {
      const nth = begun
      begun += 1
      const step = steps[nth % steps.length] as Step
      // Another one than that of the kill, and over many lives each with each.
      const deathStep = steps[(nth + 1 + Math.floor(nth / steps.length)) % steps.length] as Step
      const isEarly = Math.floor(nth / steps.length) % earlyEvery === earlyEvery - 1
      const order = (fault: StepFault): FaultOrder => {
        return { shard: random(shards), fault, after: isEarly ? 0 : 1 + random(transactionsMax) }
      }
      const kill = order(`kill-${step}`)
      const faults = isEarly ? [kill] : [order(`fail-${deathStep}`), kill]
      const life = await live({ folder: own, durability, shards, hasThreads, seed: seed + nth, faults }, ended.signal)
      if (life.found !== undefined) expectTruth(life.found)
      counting.countKill(step, life)
      if (life.found !== undefined) before = life
    }
    const { found } = await live({ folder: own, durability, shards, hasThreads, seed, faults: [] }, ended.signal)
    expectTruth(found as Found)
    expectNothingOpen(own, shards)
  }
  const lanesDone = lanes.map((each, index) =>
    runLane(each, index).catch((error: unknown) => {
      failure ??= error
      ended.abort()
    }),
  )
  await Promise.all(lanesDone)
  if (failure !== undefined) throw failure as Error
  return counting.all
}

function sumOf(found: Found): number {
  return found.reduce((sum, { balance }) => sum + balance, 0)
}

export function transactionCampaign(
  durability: 'strict' | 'relaxed',
  lanes: readonly Lane[] = [withThreads, withoutThreads],
): Campaign {
  return {
    name: `transactions-${durability}`,
    tries: `a transaction over several shards happens whole or not at all in ${durability} mode, killed at any step`,
    run: (run) => killAtEachStep(durability, lanes, run),
  }
}
