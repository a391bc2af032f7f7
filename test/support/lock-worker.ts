// A process that takes locks and writes under them, to be stopped, continued and killed at any moment: started with JSON
// as its argument, ended by the end of its input. It tells what it saw in lines on its output, and what must never be as
// a line that begins with `broken`.
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, connect, type HeldLock, HoldfastError } from '../../src/client/index.ts'
import { randomFrom } from './random.ts'

export interface LockWorker {
  readonly endpoint: string
  readonly seed: number
  /** The names of the locks; the list `log` of the keyspace `NAME` beside each has a token for every write. */
  readonly locks: readonly string[]
  readonly ttlMs: number
}

function tell(what: string, ...facts: (string | number)[]): void {
  process.stdout.write(`${[what, ...facts].join(' ')}\n`)
}

/** What a call came to, where it may have been refused by its fence, or lost with the daemon. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    if (error instanceof HoldfastError) return error.code
    throw error
  }
}

/** Writes under a lock, again and again, and at last when it may have lost it; never asks whether it has. */
async function hold(client: Client, held: HeldLock, askedAt: number, random: (below: number) => number): Promise<void> {
  const { lock, owner, token, ttlMs } = held
  const log = client.keys<number[]>(lock)
  tell('granted', lock, token)
  const writes = 1 + random(4)
  const isSlow = random(4) === 0
  for (let count = 0; count < writes; count += 1) {
    if (isSlow && count === writes - 1) await delay(ttlMs * 2)
    const seen = await client.call({ cmd: 'GET_LOCK', lock })
    const isSure = performance.now() < askedAt + ttlMs
    if (isSure && seen.owner !== owner) tell('broken: two holders of', lock, token, JSON.stringify(seen.owner))
    const outcome = await outcomeOf(log.listPush('log', token, { fence: held }))
    if (outcome === 'ok' && Number(seen.token) > token) tell('broken: a stale write of', lock, token)
    if (outcome === 'FENCED') return tell('fenced', lock, token)
    // Nobody knows whether it ran, and nobody must write twice.
    if (outcome !== 'ok') return
    tell('written', lock, token)
  }
  if (random(3) > 0) await held.release()
}

async function main({ endpoint, seed, locks, ttlMs }: LockWorker): Promise<void> {
  const random = randomFrom(seed)
  let isOver = false
  process.stdin.once('end', () => (isOver = true)).resume()
  const client = await connect(endpoint, { timeoutMs: 2_000, connectTimeoutMs: 30_000 })
  tell('ready')
  while (!isOver) {
    const lock = locks[random(locks.length)] as string
    const askedAt = performance.now()
    try {
      const held = random(3) === 0 ? await client.tryLock(lock, { ttlMs }) : undefined
      if (held !== undefined) await hold(client, held, askedAt, random)
      else {
        const waited = await client.lock(lock, { ttlMs, waitMs: 100 + random(300) })
        // Its time began when it was granted, which was some time in between.
        if (waited !== undefined) await hold(client, waited, askedAt, random)
      }
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      await delay(20)
    }
  }
  await client.close({ waitMs: 0 })
}

const [given] = process.argv.slice(2)
if (given !== undefined && process.argv[1] === import.meta.filename) await main(JSON.parse(given) as LockWorker)
