// Clients behind a network that loses and doubles their messages, on a daemon that is killed in the middle: every write of
// theirs is acknowledged once and has run once. Counters have the sum of all increments, tables one record for each create.
import { ok, strictEqual } from 'node:assert/strict'
import type { Durability } from '../../src/base/durability.ts'
import { type Client, connect } from '../../src/client/index.ts'
import { LossyProxy } from '../support/lossy-proxy.ts'
import { freePort } from '../support/ports.ts'
import { type RunningDaemon, startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const clientCount = 2
const workersPerClient = 100
const states = ['a', 'b', 'c', 'd']
const losses = { lostPercent: 20, doubledPercent: 20 }
const timeoutMs = 120_000

/** Increments and creates, until each was acknowledged so many times. */
async function write(client: Client, left: { writes: number }, onWritten: () => void): Promise<void> {
  for (let turn = 0; left.writes > 0; turn += 1) {
    left.writes -= 1
    const state = states[turn % states.length] as string
    const calls = [client.keys(`keys-${state}`).increment('n'), client.table(`table-${state}`).insert({ turn })]
    await Promise.all(calls)
    onWritten()
  }
}

/** Holds what stands against what was acknowledged. */
async function compare(client: Client, acknowledged: number): Promise<void> {
  let [sum, records] = [0, 0]
  for (const state of states) {
    sum += Number((await client.keys<number>(`keys-${state}`).get('n')) ?? 0)
    const rows = await client.table<{ turn: number }>(`table-${state}`).all()
    strictEqual(new Set(rows.map(({ id }) => id)).size, rows.length, 'each record has an id of its own')
    records += rows.length
  }
  strictEqual(sum, acknowledged, 'each increment ran once')
  strictEqual(records, acknowledged, 'each create ran once')
}

async function loseAndDouble(
  durability: Durability,
  writesPerRound: number,
  { seed, folder, goesOn }: CampaignRun,
): Promise<Counts> {
  const random = randomFrom(seed)
  const endpoint = `tcp://127.0.0.1:${await freePort()}`
  const start = (): Promise<RunningDaemon> =>
    startDaemon(['--bind', endpoint, '--data', folder, '--durability', durability, '--shards', '2'])
  let daemon = await start()
  const proxy = await LossyProxy.open(endpoint, { ...losses, random })
  const clients: Client[] = []
  const counts = { increments: 0, creates: 0, kills: 0, lost: 0, doubled: 0 }
  try {
    for (let n = 0; n < clientCount; n += 1) {
      clients.push(await connect(proxy.endpoint, { timeoutMs, retryAfterMs: 25 }))
    }
    const [first] = clients as [Client]
    for (const state of states) await first.table(`table-${state}`).create()
    while (goesOn()) {
      const left = { writes: writesPerRound }
      let untilKill = 1 + random(writesPerRound - clientCount * workersPerClient)
      let restarted: Promise<void> | undefined
      const restart = async (): Promise<void> => {
        await daemon.program.end()
        daemon = await start()
      }
      const onWritten = (): void => {
        counts.increments += 1
        counts.creates += 1
        untilKill -= 1
        if (untilKill !== 0) return
        restarted = restart()
        restarted.catch(() => {})
      }
      const writers = clients.flatMap((client) =>
        Array.from({ length: workersPerClient }, () => write(client, left, onWritten)),
      )
      await Promise.all(writers)
      ok(restarted !== undefined, 'the daemon was killed under load')
      await restarted
      counts.kills += 1
      await compare(first, counts.increments)
    }
    ok(proxy.spread > 0, 'many writes were in messages on several names')
    return { ...counts, lost: proxy.lost, doubled: proxy.doubled, spread: proxy.spread }
  } finally {
    await Promise.all(clients.map((client) => client.close({ waitMs: 0 })))
    proxy.close()
    await daemon.program.end()
  }
}

/** In each round there are so many writes of each sort, during which the daemon is killed once. */
export function retryCampaign(durability: Exclude<Durability, 'memory'>, writesPerRound = 2_500): Campaign {
  return {
    name: `retries-${durability}`,
    tries: `a write that is lost, doubled, or met by kill -9 in ${durability} mode runs once`,
    run: (run) => loseAndDouble(durability, writesPerRound, run),
  }
}
