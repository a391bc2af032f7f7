// A daemon that is killed without warning, again and again: under the load of real clients, at a count of writes or at any
// moment, and while it starts and recovers. Every write that it had acknowledged is there when it serves again, each write
// took one version, and nothing is there that was not sent.
import { ok, strictEqual } from 'node:assert/strict'
import { type Client, connect } from '../../src/client/index.ts'
import { Program, startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'
import { type Climber, climbers, creations, stepsTaken } from './climbers.ts'

/** How many writes a daemon acknowledges before it is killed, at least; a random number up to as many again follows. */
const writesPerLife = 5_000
/** A daemon that is killed by the clock lives so long at most, under load. */
const loadMsMax = 2_000
/** Between the start of the process and the first thing that it says. */
const startMsMax = 700
/** One in so many is killed while it starts, and one by the clock; the others by the count. */
const oneInStarts = 6
const oneInClocks = 4

/** What the clients know of each climber. */
interface Known {
  readonly acknowledged: number[]
  readonly sent: number[]
}

/** Takes one step after another, until the daemon is gone. */
async function climb(client: Client, index: number, { acknowledged, sent }: Known, onWritten: () => void) {
  const climber = climbers[index] as Climber
  for (;;) {
    const step = (sent[index] ?? 0) + 1
    sent[index] = step
    await client.call(climber.command(step))
    acknowledged[index] = step
    onWritten()
  }
}

/** Holds what the daemon has against what it had said, and learns what became of the writes that nobody knew of. */
async function compare(client: Client, known: Known): Promise<void> {
  for (const [climber, step] of (await stepsTaken((command) => client.call(command))).entries()) {
    const what = `step ${step} of climber ${climber} in ${climbers[climber]?.state}`
    ok(
      step >= (known.acknowledged[climber] ?? 0),
      `${what} is the last, though ${known.acknowledged[climber]} was acknowledged`,
    )
    ok(step <= (known.sent[climber] ?? 0), `${what} was never sent`)
    known.sent[climber] = step
    known.acknowledged[climber] = step
  }
}

async function killAgainAndAgain(
  durability: 'strict' | 'relaxed',
  { seed, folder, goesOn }: CampaignRun,
  writes: number,
): Promise<Counts> {
  const random = randomFrom(seed)
  const known: Known = { acknowledged: climbers.map(() => 0), sent: climbers.map(() => 0) }
  const counts = { kills: 0, 'of them at the start': 0, acknowledged: 0, 'slowest start, ms': 0 }
  const args = ['--data', folder, '--durability', durability, '--shards', '2']
  for (let isFirst = true; ; isFirst = false) {
    if (!isFirst && random(oneInStarts) === 0) {
      await killWhileItStarts(args, random(startMsMax))
      counts.kills += 1
      counts['of them at the start'] += 1
    }
    const startedAt = performance.now()
    const { endpoint, program } = await startDaemon(args)
    counts['slowest start, ms'] = Math.max(counts['slowest start, ms'], Math.ceil(performance.now() - startedAt))
    // What is not answered is not tried again, so that each write is known to have been sent once.
    const client = await connect(endpoint, { retry: false })
    try {
      if (isFirst) for (const creation of creations) await client.call(creation)
      await compare(client, known)
      if (!goesOn()) return counts
      const kill = (): void => void program.child.kill('SIGKILL')
      const isByClock = random(oneInClocks) === 0
      const timer = isByClock ? setTimeout(kill, random(loadMsMax)) : undefined
      let left = isByClock ? Number.POSITIVE_INFINITY : writes + random(writes)
      const onWritten = (): void => {
        counts.acknowledged += 1
        left -= 1
        if (left === 0) kill()
      }
      const ends = await Promise.allSettled(climbers.map((_, climber) => climb(client, climber, known, onWritten)))
      clearTimeout(timer)
      for (const end of ends) {
        ok(end.status === 'rejected')
        strictEqual((end.reason as { code: string }).code, 'OUTCOME_UNKNOWN')
      }
      await program.over
      counts.kills += 1
    } finally {
      await client.close()
      await program.end()
    }
  }
}

/** Wherever it is by then: before it has opened the folder, in the middle of a recovery, or serving. */
async function killWhileItStarts(args: readonly string[], afterMs: number): Promise<void> {
  const program = new Program(['serve', '--bind', 'tcp://127.0.0.1:0', '--feed', 'off', '--metrics', 'off', ...args])
  await new Promise((resolve) => setTimeout(resolve, afterMs))
  await program.end()
}

/** `writes`: how many a daemon acknowledges before it is killed by their count, at least; up to twice as many. */
export function killCampaign(durability: 'strict' | 'relaxed', writes = writesPerLife): Campaign {
  return {
    name: `kills-${durability}`,
    tries: `a write that was acknowledged in ${durability} mode survives kill -9`,
    run: (run) => killAgainAndAgain(durability, run, writes),
  }
}
