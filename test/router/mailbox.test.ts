// The promises of a mailbox, step by step: one answer to each request, whatever becomes of the shard.
import { describe, expect, it } from 'vitest'
import { defaultLimits, type Limits } from '../../src/base/limits.ts'
import type { MailboxBatch } from '../../src/protocol/mailbox.ts'
import { Mailbox, type OnParked } from '../../src/router/mailbox.ts'

/** A mailbox whose clock and turns are in the test's hands, and what its shard and its requesters saw. */
function mailboxUnderTest(limits: Partial<Limits> = {}) {
  const seen = { batches: [] as MailboxBatch[], heard: [] as string[], now: 0 }
  const turns: (() => void)[] = []
  const mailbox = new Mailbox({
    shard: 3,
    limits: { ...defaultLimits, ...limits },
    now: () => seen.now,
    schedule: (flush) => turns.push(flush),
  })
  const attach = (): void => mailbox.attach({ post: (batch) => seen.batches.push(batch) })
  const submit = (name: string, bytes = 1, onParked?: OnParked): void =>
    mailbox.submit({
      sentAs: 'json',
      routingKey: 's',
      body: name,
      bytes,
      respond: (body) => seen.heard.push(`${name}: ${JSON.stringify(body)}`),
      refuse: ({ code }) => seen.heard.push(`${name}: ${code}`),
      onParked,
    })
  const turn = (): void => {
    for (const flush of turns.splice(0)) flush()
  }
  return { mailbox, seen, attach, submit, turn }
}

describe('a mailbox', () => {
  it('posts all requests of a turn as one batch, numbered from 1 in each life of the shard', () => {
    const { mailbox, seen, attach, submit, turn } = mailboxUnderTest()
    attach()
    submit('a')
    submit('b')
    expect(seen.batches).toEqual([])
    turn()
    submit('c')
    turn()
    expect(seen.batches.map(({ number, entries }) => [number, entries.map(([, , , body]) => body)])).toEqual([
      [1, ['a', 'b']],
      [2, ['c']],
    ])
    mailbox.detach(2)
    attach()
    submit('d')
    turn()
    expect(seen.batches.at(-1)?.number).toBe(1)
  })

  it('gives each reply to its requester, once', () => {
    const { mailbox, seen, attach, submit, turn } = mailboxUnderTest()
    attach()
    submit('a')
    submit('b')
    turn()
    const [first = 0, second = 0] = seen.batches.flatMap(({ entries }) => entries.map(([id]) => id))
    mailbox.settle([[second, 'two']])
    mailbox.settle([
      [first, 'one'],
      [second, 'again'],
      [99, 'unknown'],
    ])
    expect(seen.heard).toEqual(['b: "two"', 'a: "one"'])
    expect(mailbox.depth).toBe(0)
  })

  it('tells what was delivered to a dead shard from what never reached it', () => {
    const { mailbox, seen, attach, submit, turn } = mailboxUnderTest()
    attach()
    submit('taken')
    turn()
    submit('posted')
    turn()
    submit('unsent')
    mailbox.detach(1)
    expect(seen.heard).toEqual(['taken: OUTCOME_UNKNOWN', 'posted: SHARD_RECOVERING', 'unsent: SHARD_RECOVERING'])
    submit('later')
    expect(seen.heard.at(-1)).toBe('later: SHARD_RECOVERING')
    attach()
    turn()
    expect(seen.batches, 'nothing of the old life is sent to the new one').toHaveLength(2)
  })

  it('refuses at once what passes its bounds, by number or by bytes, and takes requests again when there is room', () => {
    const { mailbox, seen, attach, submit, turn } = mailboxUnderTest({ mailboxCommandsMax: 2, mailboxBytesMax: 100 })
    attach()
    submit('a', 60)
    submit('heavy', 60)
    submit('b', 10)
    submit('third', 1)
    expect(seen.heard).toEqual(['heavy: OVERLOADED', 'third: OVERLOADED'])
    turn()
    mailbox.settle([[seen.batches[0]?.entries[0]?.[0] as number, 'done']])
    submit('c', 60)
    expect(seen.heard.slice(2)).toEqual(['a: "done"'])
  })

  it('answers what took too long, keeps its place until the shard answers, and says nothing then', () => {
    const { mailbox, seen, attach, submit, turn } = mailboxUnderTest({ requestDeadlineMs: 1_000 })
    attach()
    submit('slow')
    turn()
    seen.now = 600
    submit('young')
    turn()
    seen.now = 1_100
    mailbox.expire()
    mailbox.expire()
    expect(seen.heard).toEqual(['slow: OUTCOME_UNKNOWN'])
    expect(mailbox.depth).toBe(2)
    mailbox.settle([[seen.batches[0]?.entries[0]?.[0] as number, 'late']])
    expect(seen.heard).toEqual(['slow: OUTCOME_UNKNOWN'])
    mailbox.detach(2)
    expect(seen.heard).toEqual(['slow: OUTCOME_UNKNOWN', 'young: OUTCOME_UNKNOWN'])
  })

  it('lets a command wait for as long as its shard says, and tells the shard when nobody wants the reply', () => {
    const { mailbox, seen, attach, submit, turn } = mailboxUnderTest({ requestDeadlineMs: 1_000 })
    attach()
    let cancel: () => void = () => {}
    submit('waits', 1, (callOff) => {
      cancel = callOff
    })
    submit('slow')
    turn()
    const [id = 0, slow = 0] = seen.batches.flatMap(({ entries }) => entries.map(([each]) => each))
    mailbox.settle([[id, null, 'parked']])
    seen.now = 5_000
    mailbox.expire()
    expect(seen.heard).toEqual(['slow: OUTCOME_UNKNOWN'])
    expect(mailbox.depth).toBe(2)
    cancel()
    // Nobody waits for this one any more: it must not take what another could have.
    mailbox.settle([[slow, null, 'parked']])
    turn()
    expect(seen.batches.at(-1)?.entries).toEqual([
      [id, 'cancel', 's', null],
      [slow, 'cancel', 's', null],
    ])
    mailbox.settle([
      [id, 'nothing'],
      [slow, 'nothing'],
    ])
    expect(seen.heard).toEqual(['slow: OUTCOME_UNKNOWN', 'waits: "nothing"'])
    cancel()
    turn()
    expect(seen.batches).toHaveLength(2)
  })

  it('has a shard refuse all who wait when it drains', () => {
    const { mailbox, seen, attach, turn } = mailboxUnderTest()
    mailbox.drain()
    turn()
    expect(seen.batches).toEqual([])
    attach()
    mailbox.drain()
    turn()
    expect(seen.batches).toEqual([{ number: 1, entries: [[0, 'drain', '', null]] }])
  })

  it('is idle once everything is answered', async () => {
    const { mailbox, seen, attach, submit, turn } = mailboxUnderTest()
    await mailbox.whenIdle()
    attach()
    submit('a')
    turn()
    let idle = false
    const whenIdle = mailbox.whenIdle().then(() => (idle = true))
    await Promise.resolve()
    expect(idle).toBe(false)
    mailbox.settle([[seen.batches[0]?.entries[0]?.[0] as number, 'done']])
    await whenIdle
    expect(idle).toBe(true)
  })
})
