// A daemon that is killed without warning, again and again, under the load of real clients: every write that it had
// acknowledged is there when it serves again, and versions go on where they stood. HOLDFAST_KILLS is how often it dies,
// HOLDFAST_KILL_WRITES how many writes it acknowledges before.
import { describe, expect, it } from 'vitest'
import { connect } from '../../src/client/index.ts'
import { daemonOfTest } from '../support/holdfast.ts'
import { folderOfTest } from '../support/sqlite.ts'

const kills = Number(process.env.HOLDFAST_KILLS ?? 3)
const writesPerLife = Number(process.env.HOLDFAST_KILL_WRITES ?? 1_500)
const states = ['a', 'b', 'c', 'd']
const recordsPerState = 32

/** What the clients know of one state. */
interface Known {
  readonly acknowledged: number[]
  readonly sent: number[]
  /** The highest that any reply has shown. */
  version: number
}

type Client = Awaited<ReturnType<typeof connect>>

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
async function compare(client: Client, state: string, known: Known): Promise<number> {
  const { records, version } = await client.call({ cmd: 'LIST_RECORDS', state })
  const values = new Map((records as { id: number; value: number }[]).map(({ id, value }) => [id, value]))
  let lost = 0
  for (let id = 1; id <= recordsPerState; id += 1) {
    const value = values.get(id) ?? 0
    if (value < (known.acknowledged[id] ?? 0)) lost += 1
    expect(value, 'nothing is there that was not sent').toBeLessThanOrEqual(known.sent[id] ?? 0)
  }
  expect(version).toBeGreaterThanOrEqual(known.version)
  expect(version, 'each write took one version').toBe([...values.values()].reduce((sum, value) => sum + value, 0))
  const next = await client.call({ cmd: 'SET_RECORD', state, id: 1, data: { value: (values.get(1) ?? 0) + 1 } })
  expect(next.version).toBe(Number(version) + 1)
  for (const [id, value] of values) known.sent[id] = value
  known.sent[1] = (values.get(1) ?? 0) + 1
  known.version = Number(next.version)
  return lost
}

describe.each(['strict', 'relaxed'])('a daemon in %s mode that is killed under load', (durability) => {
  it(
    `has every write that it had acknowledged (${kills} times)`,
    async () => {
      const data = folderOfTest()
      const knowledge = new Map(
        states.map((name): [string, Known] => [name, { acknowledged: [], sent: [], version: 0 }]),
      )
      const totals = { written: 0, lost: 0 }
      for (let life = 0; life <= kills; life += 1) {
        const { endpoint, program } = await daemonOfTest(['--data', data, '--durability', durability, '--shards', '2'])
        const client = await connect(endpoint, { retry: false })
        for (const [state, known] of knowledge) {
          if (life === 0) await client.call({ cmd: 'CREATE_STATE', state })
          totals.lost += await compare(client, state, known)
        }
        let written = 0
        const onWritten = (): void => {
          written += 1
          if (written === writesPerLife) program.child.kill('SIGKILL')
        }
        const writers = [...knowledge].flatMap(([state, known]) =>
          Array.from({ length: recordsPerState }, (_, index) => raise(client, state, index + 1, known, onWritten)),
        )
        const ends = await Promise.allSettled(writers)
        expect(
          new Set(ends.map((end) => (end.status === 'rejected' ? (end.reason as { code: string }).code : 'ok'))),
        ).toEqual(new Set(['OUTCOME_UNKNOWN']))
        await program.over
        await client.close()
        totals.written += written
      }
      expect(totals).toEqual({ written: expect.any(Number), lost: 0 })
      expect(totals.written).toBeGreaterThanOrEqual((kills + 1) * writesPerLife)
    },
    60_000 + kills * 10_000,
  )
})
