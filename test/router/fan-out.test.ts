// Commands for all shards, some of which do not serve: on mailboxes whose shards the test plays.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defaultLimits } from '../../src/base/limits.ts'
import { refusal } from '../../src/protocol/errors.ts'
import type { MailboxBatch } from '../../src/protocol/mailbox.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { fanOut } from '../../src/router/fan-out.ts'
import { Mailbox } from '../../src/router/mailbox.ts'

const deadlineMs = 1_000
let mailboxes: Mailbox[]
let posted: MailboxBatch[][]
let replies: unknown[]

beforeEach(() => {
  vi.useFakeTimers()
  posted = [[], [], []]
  replies = []
  const options = { limits: defaultLimits, schedule: (flush: () => void) => flush(), now: () => 0 }
  mailboxes = posted.map((_, shard) => new Mailbox({ ...options, shard }))
})
afterEach(() => vi.useRealTimers())

const mailbox = (shard: number): Mailbox => mailboxes[shard] as Mailbox
const start = (shard: number): void => mailbox(shard).attach({ post: (batch) => posted[shard]?.push(batch) })
const quarantined = (shard: number) => refusal('QUARANTINED', { shard, deaths: 3, reason: 'hung', last_command: null })

function ask(): void {
  const command = { name: 'LIST_STATES', routingKey: '', requestId: {}, command: {}, body: '', bytes: 0 } as const
  const join = (answers: readonly JsonObject[]) => ({ status: 'ok', states: answers.map(({ from }) => from ?? '?') })
  fanOut(mailboxes, command, join, deadlineMs, (reply) => replies.push(reply))
}

function answer(shard: number): void {
  const [id] = posted[shard]?.at(-1)?.entries[0] ?? [0]
  mailbox(shard).settle([[id, { status: 'ok', from: shard }]])
}

describe('a command for all shards', () => {
  it('is one reply of all their answers, in their order', () => {
    for (const shard of [0, 1, 2]) start(shard)
    ask()
    for (const shard of [2, 0, 1]) answer(shard)
    expect(replies).toEqual([{ status: 'ok', states: [0, 1, 2] }])
  })

  it('waits for a shard that is recovering', () => {
    for (const shard of [0, 2]) start(shard)
    ask()
    for (const shard of [0, 2]) answer(shard)
    vi.advanceTimersByTime(deadlineMs - 1)
    expect(replies).toEqual([])
    start(1)
    answer(1)
    expect(replies).toEqual([{ status: 'ok', states: [0, 1, 2] }])
  })

  it('is refused where a shard is recovering for too long, and a quarantined one is not blamed', () => {
    mailbox(0).refuseAll(quarantined(0))
    start(1)
    ask()
    answer(1)
    vi.advanceTimersByTime(deadlineMs)
    expect(replies).toEqual([expect.objectContaining({ code: 'SHARD_RECOVERING', shard: 2 })])
  })

  it('names the shards that will not serve beside what the others say', () => {
    mailbox(0).refuseAll(quarantined(0))
    start(1)
    mailbox(2).refuseAll(refusal('SHARD_CORRUPT', { shard: 2, lost: ['a row'] }))
    ask()
    answer(1)
    expect(replies).toEqual([{ status: 'ok', states: [1], missing_shards: [0, 2] }])
  })

  it('is refused where no shard serves', () => {
    for (const shard of [0, 1, 2]) mailbox(shard).refuseAll(quarantined(shard))
    ask()
    expect(replies).toEqual([expect.objectContaining({ code: 'QUARANTINED', shard: 0 })])
  })

  it('asks a shard again that dies before it has answered', () => {
    for (const shard of [0, 1, 2]) start(shard)
    ask()
    for (const shard of [0, 2]) answer(shard)
    mailbox(1).detach(1)
    expect(replies).toEqual([])
    start(1)
    answer(1)
    expect(replies).toEqual([{ status: 'ok', states: [0, 1, 2] }])
  })

  it('goes on without a shard that is quarantined meanwhile', () => {
    for (const shard of [0, 1, 2]) start(shard)
    ask()
    for (const shard of [0, 2]) answer(shard)
    mailbox(1).detach(1)
    mailbox(1).refuseAll(quarantined(1))
    expect(replies).toEqual([{ status: 'ok', states: [0, 2], missing_shards: [1] }])
  })

  it('asks nobody any more once it is refused', () => {
    for (const shard of [0, 2]) start(shard)
    ask()
    vi.advanceTimersByTime(deadlineMs)
    start(1)
    expect(posted[1]).toEqual([])
    expect(replies).toHaveLength(1)
  })
})
