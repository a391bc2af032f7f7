// A daemon that is killed without warning, again and again, under the load of real clients: every write that it had
// acknowledged is there when it serves again, each write took one version, and nothing is there that was not sent.
import { ok, strictEqual } from 'node:assert/strict'
import type { Durability } from '../../src/base/durability.ts'
import { type Client, connect } from '../../src/client/index.ts'
import { startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const states = ['a', 'b', 'c', 'd']
const recordsPerState = 32
/** How many writes a daemon acknowledges before it is killed, at least; a random number up to as many again follows. */
const writesPerLife = 1_500

/** What the clients know of one state. */
interface Known {
  readonly acknowledged: number[]
  readonly sent: number[]
  /** The highest that any reply has shown. */
  version: number
}

/** Raises the value of a record, a write at a time, until the daemon is gone. */
async function raise(client: Client, state: string, id: number, known: Known, onWritten: () => void): Promise<void> {
  for (;;) {
    const value = (known.sent[id] ?? 0) + 1
    known.sent[id] = value
    const reply = await client.call({ cmd: 'SET_RECORD', state, id, data: { value } })
    known.acknowledged[id] = value
    known.version = Math.max(known.version, Number(reply.version))
    onWritten()
  }
}

/** Holds what the daemon has against what it had said, and learns what became of the writes that nobody knew of. */
async function compare(client: Client, state: string, known: Known): Promise<void> {
  const { records, version } = await client.call({ cmd: 'LIST_RECORDS', state })
  const values = new Map((records as { id: number; value: number }[]).map(({ id, value }) => [id, value]))
  for (let id = 1; id <= recordsPerState; id += 1) {
    const value = values.get(id) ?? 0
    ok(value >= (known.acknowledged[id] ?? 0), `an acknowledged write of ${state}/${id} is lost`)
    ok(value <= (known.sent[id] ?? 0), `${state}/${id} holds what was never sent`)
  }
  ok(Number(version) >= known.version, `the version of ${state} has gone back`)
  const written = [...values.values()].reduce((sum, value) => sum + value, 0)
  strictEqual(version, written, `each write of ${state} took one version`)
  const next = await client.call({ cmd: 'SET_RECORD', state, id: 1, data: { value: (values.get(1) ?? 0) + 1 } })
  strictEqual(next.version, Number(version) + 1)
  for (const [id, value] of values) known.sent[id] = value
  known.sent[1] = (values.get(1) ?? 0) + 1
  known.version = Number(next.version)
}

async function killAgainAndAgain(durability: Durability, { seed, folder, goesOn }: CampaignRun): Promise<Counts> {
  const random = randomFrom(seed)
  const knowledge = new Map(states.map((name): [string, Known] => [name, { acknowledged: [], sent: [], version: 0 }]))
  const counts = { kills: 0, acknowledged: 0 }
  for (let isFirst = true; ; isFirst = false) {
    const { endpoint, program } = await startDaemon(['--data', folder, '--durability', durability, '--shards', '2'])
    // What is not answered is not tried again, so that each write is known to have been sent once.
    const client = await connect(endpoint, { retry: false })
    try {
      for (const [state, known] of knowledge) {
        if (isFirst) await client.call({ cmd: 'CREATE_STATE', state })
        await compare(client, state, known)
      }
      if (!goesOn()) return counts
      let left = writesPerLife + random(writesPerLife)
      const onWritten = (): void => {
        counts.acknowledged += 1
        left -= 1
        if (left === 0) program.child.kill('SIGKILL')
      }
      const writers = [...knowledge].flatMap(([state, known]) =>
        Array.from({ length: recordsPerState }, (_, index) => raise(client, state, index + 1, known, onWritten)),
      )
      for (const end of await Promise.allSettled(writers)) {
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

export function killCampaign(durability: Exclude<Durability, 'memory'>): Campaign {
  return {
    name: `kills-${durability}`,
    tries: `a write that was acknowledged in ${durability} mode survives kill -9`,
    run: (run) => killAgainAndAgain(durability, run),
  }
}
