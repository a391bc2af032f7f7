// A queue whose workers die: a thousand of them, in processes of which some are killed at random moments, while others only
// forget what they have taken. However they die, each item is acknowledged once, and none is lost.
//
// HOLDFAST_QUEUE_ITEMS and HOLDFAST_QUEUE_KILLS make it larger.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { clientOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { daemonOfTest } from '../support/holdfast.ts'
import type { LeaseWorkers } from '../support/lease-workers.ts'

const items = Number(process.env['HOLDFAST_QUEUE_ITEMS'] ?? 100_000)
const kills = Number(process.env['HOLDFAST_QUEUE_KILLS'] ?? 8)
const processes = 4
const leaseMs = 1_000
const program = fileURLToPath(new URL('../../dist/test/support/lease-workers.js', import.meta.url))

interface Running {
  readonly child: ChildProcess
  readonly file: string
}

/** Starts processes of workers and ends them; each writes into a file of its own, which outlives it. */
class Workers {
  readonly #options: Omit<LeaseWorkers, 'file'>
  readonly #folder = mkdtempSync(join(tmpdir(), 'leases-'))
  readonly #files: string[] = []
  #running: Running[] = []

  constructor(options: Omit<LeaseWorkers, 'file'>) {
    this.#options = options
    onTestFinished(() => {
      for (const { child } of this.#running) child.kill('SIGKILL')
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  start(): void {
    const file = join(this.#folder, String(this.#files.length))
    writeFileSync(file, '')
    this.#files.push(file)
    const options: LeaseWorkers = { ...this.#options, file }
    const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ['pipe', 'inherit', 'inherit'] })
    this.#running.push({ child, file })
  }

  /** Kills one of those that are in the middle of their work. */
  async killOne(): Promise<void> {
    const atWork = (): Running[] => this.#running.filter(({ file }) => statSync(file).size > 0)
    await eventually('workers have begun', () => atWork().length > 0)
    const chosen = atWork()[Math.floor(Math.random() * atWork().length)]
    this.#running = this.#running.filter((each) => each !== chosen)
    chosen?.child.kill('SIGKILL')
    await ended(chosen?.child)
  }

  /** Lets all end by themselves. */
  async stop(): Promise<void> {
    for (const { child } of this.#running) child.stdin?.end()
    for (const { child } of this.#running) {
      await ended(child)
      expect(child.exitCode).toBe(0)
    }
  }

  /** How often each event was written, for each item. */
  events(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const file of this.#files) {
      for (const line of readFileSync(file, 'utf8').split('\n')) counts.set(line, (counts.get(line) ?? 0) + 1)
    }
    return counts
  }
}

async function ended(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  await new Promise((resolve) => child.once('exit', resolve))
}

describe('a queue whose workers die', () => {
  it(`has each of ${items} items acknowledged once, and loses none`, async () => {
    const { endpoint } = await daemonOfTest(['--shards', '1'])
    const client = await clientOf(endpoint)
    const queue = client.keys().queue<number>('jobs', { leaseMs })
    await Promise.all(Array.from({ length: items }, (_, item) => queue.push(item)))
    expect(await queue.length()).toBe(items)

    const workers = new Workers({
      endpoint,
      key: 'jobs',
      connections: 10,
      workersPerConnection: 25,
      leaseMs,
      deathOneIn: 200,
    })
    for (let started = 0; started < processes; started += 1) workers.start()
    let killed = 0
    let left = items
    while (left > 0) {
      await delay(50 + Math.random() * 100)
      left = await queue.length()
      // Spread over the work, wherever each of the processes stands then.
      if (killed < kills && left < items * (1 - (killed + 1) / (kills + 1))) {
        await workers.killOne()
        workers.start()
        killed += 1
      }
    }
    await workers.stop()
    // What the last ones have died with comes back at the end of its lease.
    const rest: number[] = []
    for (;;) {
      const taken = await queue.take({ waitMs: 2 * leaseMs })
      if (taken === undefined) break
      if (await taken.ack()) rest.push(taken.item)
    }
    await eventually('nothing waits', async () => (await queue.length()) === 0)

    const events = workers.events()
    const count = (what: string, item: number): number => events.get(`${what} ${item}`) ?? 0
    const restOf = new Map<number, number>()
    for (const item of rest) restOf.set(item, (restOf.get(item) ?? 0) + 1)
    const acknowledged = Array.from({ length: items }, (_, item) => count('done', item) + (restOf.get(item) ?? 0))
    const twice = acknowledged.filter((times) => times > 1).length
    // Acknowledged or not, whoever sent it was killed before the answer came.
    const unheard = acknowledged.flatMap((times, item) =>
      times === 0 && count('begin', item) > count('late', item) ? [item] : [],
    )
    const lost = acknowledged.filter((times) => times === 0).length - unheard.length
    expect({ twice, lost, killed }).toEqual({ twice: 0, lost: 0, killed: kills })
    expect(unheard.length).toBeLessThanOrEqual(kills * 250)
  }, 300_000)
})
