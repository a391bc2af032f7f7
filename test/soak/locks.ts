// Workers in processes of their own that take locks and write under them, while they are stopped past the time of their
// locks and continued, and the daemon is killed and started again: no two of them have a lock at the same time, tokens
// rise for ever, and no write comes through whose token is older than the newest of its lock.
import { ok } from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { connect } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import type { LockWorker } from '../support/lock-worker.ts'
import { type RunningDaemon, startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const locks = ['a', 'b', 'c']
const workers = 4
const ttlMs = 150
const grantsPerRound = 12

/** One process, and what it told. */
class Worker {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  readonly lines: string[] = []
  readonly over: Promise<unknown>

  constructor(options: LockWorker) {
    const file = join(process.cwd(), 'dist', 'test', 'support', 'lock-worker.js')
    this.child = spawn(process.execPath, [file, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.over = new Promise((resolve) => this.child.once('close', resolve))
    let open = ''
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (open + text).split('\n')
      open = lines.pop() ?? ''
      this.lines.push(...lines)
    })
  }

  async end(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.over
  }
}

function count(all: readonly Worker[], what: string): number {
  return all.reduce((sum, { lines }) => sum + lines.filter((line) => line.startsWith(what)).length, 0)
}

/** Holds what the workers told against what must never be, and the order of the tokens in which writes came through. */
async function judge(endpoint: string, all: readonly Worker[]): Promise<void> {
  const lines = all.flatMap((worker) => worker.lines)
  const broken = lines.filter((line) => line.startsWith('broken'))
  ok(broken.length === 0, broken.join('; '))
  const granted = lines.filter((line) => line.startsWith('granted'))
  ok(new Set(granted).size === granted.length, 'no token of a lock is granted twice')
  const client = await connect(endpoint)
  try {
    for (const lock of locks) {
      const tokens = (await client.keys<number[]>(lock).get('log')) ?? []
      const isSorted = tokens.every((token, index) => index === 0 || (tokens[index - 1] as number) <= token)
      ok(isSorted, `writes under ${lock} came through in another order than the grants: ${tokens.join(' ')}`)
      const written = lines
        .filter((line) => line.startsWith(`written ${lock} `))
        .map((line) => Number(line.split(' ')[2]))
      const missing = written.filter((token) => !tokens.includes(token))
      ok(missing.length === 0, `writes under ${lock} that were acknowledged are lost`)
    }
  } finally {
    await client.close({ waitMs: 0 })
  }
}

async function run({ seed, folder, goesOn }: CampaignRun): Promise<Counts> {
  const random = randomFrom(seed)
  const counts = { rounds: 0, stops: 0, kills: 0 }
  const serve = (...more: string[]): Promise<RunningDaemon> => startDaemon(['--data', folder, '--shards', '2', ...more])
  let daemon = await serve()
  const { endpoint } = daemon
  const all = Array.from(
    { length: workers },
    (_, index) => new Worker({ endpoint, seed: seed + index + 1, locks, ttlMs }),
  )
  try {
    await eventually('the workers are connected', () => count(all, 'ready') === workers, 30_000)
    for (; goesOn(); counts.rounds += 1) {
      const before = count(all, 'granted')
      const stopped = all[random(workers)] as Worker
      stopped.child.kill('SIGSTOP')
      counts.stops += 1
      if (counts.rounds % 2 === 1) {
        await daemon.program.end()
        counts.kills += 1
        daemon = await serve('--bind', endpoint)
      }
      await eventually('the others go on', () => count(all, 'granted') >= before + grantsPerRound, 30_000)
      stopped.child.kill('SIGCONT')
      ok(
        all.every(({ child }) => child.exitCode === null),
        'every worker lives',
      )
      await judge(daemon.endpoint, all)
    }
    const seen = { grants: count(all, 'granted'), writes: count(all, 'written'), fenced: count(all, 'fenced') }
    return { ...counts, ...seen, 'stale writes accepted': 0, 'two holders': 0 }
  } finally {
    await Promise.all(all.map((worker) => worker.end()))
    await daemon.program.end()
  }
}

export const lockCampaign: Campaign = {
  name: 'locks',
  tries: 'a lock has one holder at a time, tokens rise for ever, and a write with an old token is refused',
  run,
}
