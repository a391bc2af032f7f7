// A process with many workers on one queue, to be killed at any moment: started with JSON as its argument, ended by the end
// of its input. What happens is written into a file before and after each acknowledgement, at once, so that the file is
// true up to the moment of death.
import { openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type Queue } from '../../src/client/index.ts'

export interface LeaseWorkers {
  readonly endpoint: string
  readonly key: string
  /** Where it writes a line for each event: `begin N` before item N is acknowledged, then `done N` or `late N`. */
  readonly file: string
  readonly connections: number
  readonly workersPerConnection: number
  readonly leaseMs: number
  /** One of so many items is taken by a worker that dies with it: nothing more is heard of it. */
  readonly deathOneIn: number
}

async function main(options: LeaseWorkers): Promise<void> {
  const { endpoint, key, connections, workersPerConnection, leaseMs, deathOneIn } = options
  const file = openSync(options.file, 'a')
  const note = (what: string, item: number): void => void writeSync(file, `${what} ${item}\n`)
  let isOver = false
  process.stdin.once('end', () => (isOver = true)).resume()

  async function work(queue: Queue<number>): Promise<void> {
    while (!isOver) {
      // Most takes need not wait, and those travel together.
      const taken = (await queue.take()) ?? (await queue.take({ waitMs: 100 }))
      if (taken === undefined) continue
      if (Math.random() * deathOneIn < 1) continue
      await delay(Math.random() * 4)
      note('begin', taken.item)
      note((await taken.ack()) ? 'done' : 'late', taken.item)
    }
  }

  const clients = await Promise.all(Array.from({ length: connections }, () => connect(endpoint)))
  const queues = clients.map((client) => client.keys().queue<number>(key, { leaseMs }))
  await Promise.all(queues.flatMap((queue) => Array.from({ length: workersPerConnection }, () => work(queue))))
  await Promise.all(clients.map((client) => client.close()))
}

const [given] = process.argv.slice(2)
if (given !== undefined && process.argv[1] === import.meta.filename) await main(JSON.parse(given) as LeaseWorkers)
