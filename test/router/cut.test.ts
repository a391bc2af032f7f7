// Cuts on mailboxes whose shards the test plays: when the entry is posted, and what is answered where it cannot be.
import { beforeEach, describe, expect, it } from 'vitest'
import { defaultLimits } from '../../src/base/limits.ts'
import { type Refusal, refusal } from '../../src/protocol/errors.ts'
import type { MailboxBatch } from '../../src/protocol/mailbox.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Cuts } from '../../src/router/cut.ts'
import { Decisions } from '../../src/router/decisions.ts'
import { Mailbox } from '../../src/router/mailbox.ts'
import { settled } from '../support/shard-harness.ts'

let mailboxes: Mailbox[]
let posted: MailboxBatch[][]
let decisions: Decisions
let cuts: Cuts
let wakes: Set<() => void>

beforeEach(() => {
  posted = [[], [], []]
  const options = { limits: defaultLimits, schedule: (flush: () => void) => flush(), now: () => 0 }
  mailboxes = posted.map((_, shard) => new Mailbox({ ...options, shard }))
  decisions = new Decisions()
  wakes = new Set()
  const wakeAfter = (_ms: number, wake: () => void) => {
    wakes.add(wake)
    return () => wakes.delete(wake)
  }
  cuts = new Cuts({ mailboxes, decisions, deadlineMs: 1_000, wakeAfter })
})

const mailbox = (shard: number): Mailbox => mailboxes[shard] as Mailbox
const start = (shard: number): void => mailbox(shard).attach({ post: (batch) => posted[shard]?.push(batch) })
const counts = (): number[] => posted.map((batches) => batches.length)

function answer(shard: number, reply: JsonObject = { status: 'ok', from: shard }): void {
  const [id] = posted[shard]?.at(-1)?.entries[0] ?? [0]
  mailbox(shard).settle([[id, null, 'parked']])
  mailbox(shard).settle([[id, reply]])
}

/** Every wait has lasted as long as it may. */
async function timeOut(): Promise<void> {
  for (const wake of wakes) wake()
  await settled()
}

async function take(): Promise<{ result?: readonly JsonObject[] | Refusal }> {
  const taken: { result?: readonly JsonObject[] | Refusal } = {}
  void cuts.take({ cut: 'test', name: 'x' }).then((result) => {
    taken.result = result
  })
  await settled()
  return taken
}

describe('a cut', () => {
  it('is an entry in every mailbox, and comes to the answers of all shards, in their order', async () => {
    for (const shard of [0, 1, 2]) start(shard)
    const taken = await take()
    expect(posted[1]?.[0]?.entries[0]?.slice(1, 4)).toEqual(['cut', '', { cut: 'test', name: 'x' }])
    for (const shard of [2, 0, 1]) answer(shard)
    await settled()
    expect(taken.result).toEqual([0, 1, 2].map((from) => ({ status: 'ok', from })))
    expect(wakes.size).toBe(0)
  })

  it('waits until what was decided stands on all its shards, and keeps further decisions back meanwhile', async () => {
    for (const shard of [0, 1, 2]) start(shard)
    const end = decisions.begin()
    await take()
    const order: string[] = []
    void decisions.whenAdmitted().then(() => order.push(`decided after ${counts().join()}`))
    await settled()
    expect([counts(), order]).toEqual([[0, 0, 0], []])
    end()
    await settled()
    expect(counts()).toEqual([1, 1, 1])
    expect(order).toEqual(['decided after 1,1,1'])
  })

  it('is refused where a transaction does not come to its end, and lets the others go on', async () => {
    for (const shard of [0, 1, 2]) start(shard)
    decisions.begin()
    const taken = await take()
    await timeOut()
    expect(taken.result).toMatchObject({ code: 'OVERLOADED' })
    expect(counts()).toEqual([0, 0, 0])
    let isAdmitted = false
    await decisions.whenAdmitted().then(() => (isAdmitted = true))
    expect(isAdmitted).toBe(true)
  })

  it('waits for a shard that is starting', async () => {
    for (const shard of [0, 2]) start(shard)
    await take()
    expect(counts()).toEqual([0, 0, 0])
    start(1)
    await settled()
    expect(counts()).toEqual([1, 1, 1])
  })

  it('is refused where a shard does not come back in time', async () => {
    for (const shard of [0, 2]) start(shard)
    const taken = await take()
    await timeOut()
    expect(taken.result).toMatchObject({ code: 'SHARD_RECOVERING', details: { shard: 1 } })
    expect(counts()).toEqual([0, 0, 0])
  })

  it.each([
    refusal('SHARD_CORRUPT', { shard: 1, lost: ['a row'] }),
    refusal('QUARANTINED', { shard: 1, deaths: 3, reason: 'hung', last_command: null }),
  ])('is refused at once where a shard will not serve ($code)', async (refused) => {
    for (const shard of [0, 2]) start(shard)
    mailbox(1).refuseAll(refused)
    expect((await take()).result).toEqual(refused)
    expect(counts()).toEqual([0, 0, 0])
  })

  it('waits anew for a shard that dies while transactions come to their end', async () => {
    for (const shard of [0, 1, 2]) start(shard)
    const end = decisions.begin()
    await take()
    mailbox(1).detach(0)
    end()
    await settled()
    expect(counts()).toEqual([0, 0, 0])
    start(1)
    await settled()
    expect(counts()).toEqual([1, 1, 1])
  })

  it('tells of a shard that died before its answer that nobody knows what it did', async () => {
    for (const shard of [0, 1, 2]) start(shard)
    const taken = await take()
    for (const shard of [0, 2]) answer(shard)
    mailbox(1).detach(1)
    await settled()
    expect(taken.result).toMatchObject([
      { status: 'ok' },
      { status: 'error', code: 'OUTCOME_UNKNOWN' },
      { status: 'ok' },
    ])
  })
})
