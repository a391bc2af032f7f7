// The writer over a send that the test controls: order, fairness, bounds, and what becomes of replies to nobody.
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { Peer } from '../../src/frontend/peer.ts'
import { Writer } from '../../src/frontend/writer.ts'
import { eventually } from '../support/eventually.ts'

/** Replies are texts; a client whose name is in `deaf` does not take any, one in `gone` cannot be reached. */
function writerOf(limits = {}) {
  const sent: string[] = []
  const deaf = new Set<string>()
  const gone = new Set<string>()
  const unreachable: Peer[] = []
  let tries = 0
  const writer = new Writer({
    send: async ([identity, body]) => {
      tries += 1
      const name = String(identity)
      if (deaf.has(name)) throw Object.assign(new Error('full'), { code: 'EAGAIN' })
      if (gone.has(name)) throw Object.assign(new Error('gone'), { code: 'EHOSTUNREACH' })
      if (String(body) === 'poison') throw Object.assign(new Error('?'), { code: 'EINVAL' })
      sent.push(`${name}:${String(body)}`)
    },
    limits: { ...defaultLimits, ...limits },
    log: silentLog,
    onUnreachable: (peer) => {
      unreachable.push(peer)
      writer.forget(peer)
    },
  })
  const write = (peer: Peer, ...texts: string[]): void => {
    for (const text of texts) writer.write(peer, { frames: [peer.identity, Buffer.from(text)], bytes: text.length })
  }
  return { writer, write, sent, deaf, gone, unreachable, tries: () => tries }
}

const peer = (name: string, isKnown = true): Peer => new Peer(Buffer.from(name), isKnown)

describe('a client that reads', () => {
  it('gets its replies in their order', async () => {
    const { writer, write, sent } = writerOf()
    const texts = Array.from({ length: 1_000 }, (_, index) => `${index}`)
    write(peer('a'), ...texts)
    await writer.whenEmpty()
    expect(sent).toEqual(texts.map((text) => `a:${text}`))
    expect(writer.statistics()).toMatchObject({
      repliesSent: 1_000,
      bytesSent: texts.join('').length,
      repliesQueued: 0,
    })
  })

  it('takes turns with the others, however many replies it gets', async () => {
    const { writer, write, sent } = writerOf()
    write(peer('greedy'), ...Array.from({ length: 1_000 }, () => 'x'))
    write(peer('modest'), 'y')
    await writer.whenEmpty()
    expect(sent.indexOf('modest:y')).toBeLessThan(100)
  })
})

describe('a client that does not read', () => {
  it('gets its replies later, in their order, and nobody waits for it', async () => {
    const { writer, write, sent, deaf } = writerOf()
    const slow = peer('slow')
    deaf.add('slow')
    write(slow, '1', '2')
    write(peer('other'), 'a')
    await eventually('the other is served', () => sent.includes('other:a'))
    write(slow, '3')
    expect(writer.statistics()).toMatchObject({ repliesQueued: 3, replyBytesQueued: 3 })
    deaf.clear()
    await writer.whenEmpty()
    expect(sent).toEqual(['other:a', 'slow:1', 'slow:2', 'slow:3'])
  })

  it('is tried less and less often', async () => {
    const { writer, write, deaf, tries } = writerOf()
    deaf.add('deaf')
    write(peer('deaf'), '1')
    await eventually('it was tried some times', () => tries() >= 10)
    const before = tries()
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(tries() - before).toBeLessThanOrEqual(2)
    writer.stop()
  })

  it.each([
    ['in number', { repliesQueuedPerPeerMax: 10 }, 10],
    ['in bytes', { replyBytesQueuedPerPeerMax: 20 }, 10],
  ])('is kept a bounded queue, %s; what comes beyond is dropped and counted', async (_what, limits, kept) => {
    const { writer, write, sent, deaf } = writerOf(limits)
    const full = peer('full')
    deaf.add('full')
    for (let index = 10; index < 30; index += 1) write(full, `${index}`)
    expect(writer.isFull(full)).toBe(true)
    expect(writer.statistics()).toMatchObject({
      repliesQueued: kept,
      replyBytesQueued: kept * 2,
      repliesDropped: { peer_gone: 0, queue_full: 20 - kept },
    })
    deaf.clear()
    await writer.whenEmpty()
    expect(sent).toEqual(Array.from({ length: kept }, (_, index) => `full:${10 + index}`))
    expect(writer.isFull(full)).toBe(false)
  })

  it('gets one reply of any size into an empty queue', async () => {
    const { writer, write, sent } = writerOf({ replyBytesQueuedPerPeerMax: 5 })
    write(peer('a'), 'longer than five')
    await writer.whenEmpty()
    expect(sent).toEqual(['a:longer than five'])
  })

  it('is forgotten at once where there was no room for it in the table of clients', async () => {
    const { writer, write, deaf, tries } = writerOf()
    deaf.add('stranger')
    write(peer('stranger', false), '1')
    await writer.whenEmpty()
    expect(tries()).toBe(1)
    expect(writer.statistics().repliesDropped).toEqual({ peer_gone: 0, queue_full: 1 })
  })
})

describe('a client that is gone', () => {
  it('is noticed by the first reply, and all of them are dropped and counted', async () => {
    const { writer, write, sent, gone, unreachable } = writerOf()
    const left = peer('left')
    gone.add('left')
    write(left, '1', '2')
    await writer.whenEmpty()
    write(left, '3')
    expect(unreachable).toEqual([left])
    expect(sent).toEqual([])
    expect(writer.statistics()).toMatchObject({ repliesQueued: 0, repliesDropped: { peer_gone: 3, queue_full: 0 } })
  })

  it('is not tried again once it is forgotten', async () => {
    const { writer, write, deaf, tries } = writerOf()
    const left = peer('left')
    deaf.add('left')
    write(left, '1')
    await eventually('it was tried', () => tries() >= 6)
    writer.forget(left)
    const before = tries()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(tries()).toBe(before)
    expect(writer.statistics()).toMatchObject({ repliesQueued: 0, repliesDropped: { peer_gone: 1, queue_full: 0 } })
  })

  it('is also one to whom a reply cannot be sent for a reason that nobody foresaw', async () => {
    const { writer, write, sent, unreachable } = writerOf()
    const odd = peer('odd')
    write(odd, 'poison', '1')
    write(peer('other'), 'a')
    await writer.whenEmpty()
    expect(unreachable).toEqual([odd])
    expect(sent).toEqual(['other:a'])
  })
})

describe('a writer that was stopped', () => {
  it('sends nothing any more', async () => {
    const { writer, write, sent, deaf } = writerOf()
    deaf.add('a')
    const a = peer('a')
    write(a, '1')
    await new Promise(setImmediate)
    writer.stop()
    deaf.clear()
    write(a, '2')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(sent).toEqual([])
    expect(writer.statistics().repliesDropped.peer_gone).toBe(1)
  })
})
