// The requests before a shard: their order, and when each came, also of those that are kept aside and come back.
import { describe, expect, it } from 'vitest'
import { threadsMs } from '../../src/base/clock.ts'
import type { MailboxEntry } from '../../src/protocol/mailbox.ts'
import { Inbox } from '../../src/shard/inbox.ts'

const entry = (id: number): MailboxEntry => [id, 'values', 'a', null]
const batch = (postedAt: number, ...ids: number[]) => ({ number: 1, entries: ids.map(entry), postedAt })

describe('an inbox', () => {
  it('hands out requests in their order, each with the moment at which its message was posted', () => {
    const inbox = new Inbox(() => {})
    inbox.push(batch(5, 1, 2))
    inbox.push(batch(7, 3))
    const taken: [number | undefined, number][] = []
    while (inbox.length > 0) taken.push([inbox.shift()?.[0], inbox.arrivedAt])
    expect(taken).toEqual([
      [1, 5],
      [2, 5],
      [3, 7],
    ])
    expect(inbox.shift()).toBeUndefined()
  })

  it('remembers when a request came that was kept aside, whatever was taken meanwhile', () => {
    const inbox = new Inbox(() => {})
    inbox.push(batch(5, 1, 2))
    const first = inbox.shift() as MailboxEntry
    inbox.keepAside(first)
    inbox.push(batch(9, 3))
    expect(inbox.shift()?.[0]).toBe(2)
    inbox.unshift([first])
    expect(inbox.length).toBe(2)
    expect([inbox.shift()?.[0], inbox.arrivedAt]).toEqual([1, 5])
    expect([inbox.shift()?.[0], inbox.arrivedAt]).toEqual([3, 9])
  })

  it('tells once for each message how long it lay there, and never less than nothing', () => {
    const waits: number[] = []
    const inbox = new Inbox((waitedMs) => waits.push(waitedMs))
    inbox.push(batch(threadsMs() - 50, 1, 2))
    inbox.push({ number: 2, entries: [] })
    inbox.push(batch(threadsMs() + 1_000_000, 3))
    inbox.beginTurn()
    while (inbox.length > 0) inbox.shift()
    expect(waits).toHaveLength(2)
    expect(waits[0]).toBeGreaterThanOrEqual(50)
    expect(waits[1]).toBe(0)
  })
})
