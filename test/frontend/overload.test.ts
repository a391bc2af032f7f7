// What one client can do to the others, and what it cannot: bounds on what it may leave unread, unanswered and waiting,
// and what is left of it when it goes.
import { describe, expect, it } from 'vitest'
import type { Dealer } from 'zeromq'
import { refusal } from '../../src/protocol/errors.ts'
import { type Message, readMessage } from '../../src/protocol/message.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { ask, dealer, nextReply, type Server, serve } from '../support/sockets.ts'

const ping = JSON.stringify({ cmd: 'PING' })
const pong = { status: 'ok', pong: true }
/** Low enough to be reached soon. */
const limits = { repliesQueuedPerPeerMax: 1_000 }

/** A parser whose messages come out when the test says so. */
function gatedParser() {
  const gates: (() => void)[] = []
  return {
    release: () => gates.shift()?.(),
    get held() {
      return gates.length
    },
    takeApart: (frame: Buffer) =>
      new Promise<Message>((resolve) => {
        gates.push(() => resolve(readMessage(frame, { commandsMax: 10, sliceRows: true }) as Message))
      }),
    readLongBody: () => Promise.resolve(undefined),
  }
}

const padded = (id: number | string, bytes: number): string =>
  `{"cmd":"PING","request_id":${JSON.stringify(id)}}`.padEnd(bytes, ' ')

async function allReplies(socket: Dealer, count: number): Promise<JsonObject[]> {
  const replies: JsonObject[] = []
  while (replies.length < count) replies.push(await nextReply(socket))
  return replies
}

/** A client that asks and never reads. Its kernel and its socket hold as little as they can. */
const deafOptions = { receiveHighWaterMark: 1, receiveBufferSize: 4_096 }

async function prepareRecord(endpoint: string): Promise<string> {
  await ask(dealer(endpoint), [
    { cmd: 'CREATE_STATE', state: 'a' },
    { cmd: 'CREATE_RECORD', state: 'a', data: { text: 'x'.repeat(2_000) } },
  ])
  return JSON.stringify({ cmd: 'GET_RECORD', state: 'a', id: 1 })
}

/** Waits until the server has read so many messages and knows what became of each. */
async function settled({ engine, frontEnd }: Server, messages: number): Promise<void> {
  await eventually('every request has come to its end', () => {
    const { repliesSent, repliesQueued, repliesDropped, requestsIgnored, messagesReceived } = frontEnd.statistics()
    const ends = repliesSent + repliesQueued + repliesDropped.peer_gone + repliesDropped.queue_full + requestsIgnored
    return messagesReceived === messages && ends === messages && engine.mailboxes.every(({ depth }) => depth === 0)
  })
}

/** Asks without reading until requests are ignored; returns how many were sent. */
async function fillUp(deaf: Dealer, { frontEnd }: Server, request: string): Promise<number> {
  const { repliesQueuedPerPeerMax } = limits
  const isFull = (): boolean => {
    const { repliesQueued, requestsIgnored } = frontEnd.statistics()
    return repliesQueued >= repliesQueuedPerPeerMax && requestsIgnored > 100
  }
  let sent = 0
  for (; !isFull(); sent += 1) {
    await deaf.send(request)
    await new Promise(setImmediate)
  }
  return sent
}

describe('a client that never reads', () => {
  it.each([{ shards: 0 }, { shards: 2 }])(
    'costs a bounded queue, and nobody else waits for it ($shards threads)',
    async ({ shards }) => {
      const server = await serve({ shards, limits })
      const { frontEnd, endpoint } = server
      const get = await prepareRecord(endpoint)
      const [deaf, other] = [dealer(endpoint, deafOptions), dealer(endpoint)]
      let isFlooding = true
      const flood = async (): Promise<void> => {
        for (let sent = 0; sent < 50_000; sent += 1) await deaf.send(get)
        isFlooding = false
      }
      const flooding = flood()
      let answered = 0
      let queuedMax = 0
      while (isFlooding) {
        expect(await ask(other, ping)).toEqual(pong)
        answered += 1
        queuedMax = Math.max(queuedMax, frontEnd.statistics().repliesQueued)
      }
      await flooding
      await settled(server, 50_000 + answered + 1)
      const statistics = frontEnd.statistics()
      expect(answered).toBeGreaterThan(20)
      expect(queuedMax).toBeLessThanOrEqual(1_001)
      expect(statistics.repliesQueued).toBe(1_000)
      expect(statistics.replyBytesQueued).toBeLessThan(1_000 * 2_200)
      expect(statistics.requestsIgnored).toBeGreaterThan(10_000)
      expect(statistics.requestsIgnored).toBeLessThan(50_000)
    },
  )

  it('gets what was kept for it as soon as it reads, and is served again', async () => {
    const server = await serve({ limits })
    const { frontEnd, endpoint } = server
    const get = await prepareRecord(endpoint)
    const deaf = dealer(endpoint, deafOptions)
    const sent = await fillUp(deaf, server, get)
    await settled(server, sent + 1)
    const { requestsIgnored } = frontEnd.statistics()
    for (const reply of await allReplies(deaf, sent - requestsIgnored)) expect(reply.status).toBe('ok')
    await eventually('nothing waits for it', () => frontEnd.statistics().repliesQueued === 0)
    expect(await ask(deaf, ping)).toEqual(pong)
  })

  it('leaves nothing behind when it goes', async () => {
    const server = await serve({ limits })
    const { frontEnd, endpoint } = server
    const get = await prepareRecord(endpoint)
    const deaf = dealer(endpoint, deafOptions)
    await fillUp(deaf, server, get)
    expect(frontEnd.statistics()).toMatchObject({ peers: 2, repliesQueued: 1_000 })
    deaf.close()
    await eventually('it is forgotten', () => frontEnd.statistics().peers === 1)
    expect(frontEnd.statistics()).toMatchObject({
      repliesQueued: 0,
      replyBytesQueued: 0,
      repliesDropped: { peer_gone: 1_000, queue_full: 0 },
    })
  })
})

describe('a client that goes', () => {
  it('before it is answered is noticed, and its answers are dropped', async () => {
    const parser = gatedParser()
    const { frontEnd, endpoint } = await serve({ limits: { inlineParseBytesMax: 100 }, parser })
    const leaving = dealer(endpoint, { linger: 1_000 })
    await leaving.send(padded(1, 200))
    await leaving.send(ping)
    await eventually('both messages are there', () => frontEnd.statistics().messagesReceived === 2)
    leaving.close()
    await eventually('it is forgotten', () => frontEnd.statistics().peers === 0)
    parser.release()
    await eventually('it is answered', () => frontEnd.statistics().repliesDropped.peer_gone === 2)
    expect(await ask(dealer(endpoint), ping)).toEqual(pong)
  })

  it('cannot be announced by another, nor by itself', async () => {
    const { frontEnd, endpoint } = await serve()
    const [client, forger] = [dealer(endpoint), dealer(endpoint)]
    await ask(client, ping)
    for (const guess of [Buffer.alloc(32), Buffer.alloc(32, 0xff), Buffer.from('disconnect'), Buffer.alloc(0)]) {
      expect(await ask(forger, guess)).toMatchObject({ status: 'error' })
    }
    expect(frontEnd.statistics()).toMatchObject({ peers: 2, messagesReceived: 5, messagesRefused: 4 })
  })
})

describe('the requests of one client', () => {
  it('that are not answered yet are bounded: what comes beyond is refused, and runs later if it is sent again', async () => {
    const parser = gatedParser()
    const limits = { inlineParseBytesMax: 100, requestsInFlightPerPeerMax: 5 }
    const { endpoint } = await serve({ limits, parser })
    const [busy, other] = [dealer(endpoint), dealer(endpoint)]
    await busy.send(padded('large', 200))
    for (let id = 1; id <= 6; id += 1) await busy.send(padded(id, 50))
    for (const reply of await allReplies(busy, 2)) {
      expect(reply).toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('5 requests') })
    }
    expect(await ask(other, ping)).toEqual(pong)
    parser.release()
    expect((await allReplies(busy, 5)).map(({ request_id: id }) => id)).toEqual(['large', 1, 2, 3, 4])
    expect(await ask(busy, ping)).toEqual(pong)
  })

  it('that wait behind a large one are bounded in bytes', async () => {
    const parser = gatedParser()
    const limits = { inlineParseBytesMax: 100, messageBytesMax: 1_000 }
    const { endpoint } = await serve({ limits, parser })
    const busy = dealer(endpoint)
    for (let id = 1; id <= 7; id += 1) await busy.send(padded(id, 900))
    for (const reply of await allReplies(busy, 2)) {
      expect(reply).toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('large messages') })
    }
    expect(parser.held).toBe(1)
    for (let id = 1; id <= 5; id += 1) {
      parser.release()
      expect(await nextReply(busy)).toEqual({ ...pong, request_id: id })
    }
  })

  it('are refused where nobody can take them apart', async () => {
    const parser = {
      takeApart: () => Promise.reject(new Error('no threads')),
      readLongBody: () => Promise.reject(new Error('no threads')),
    }
    const { endpoint } = await serve({ limits: { inlineParseBytesMax: 100 }, parser })
    const socket = dealer(endpoint)
    expect(await ask(socket, padded(1, 200))).toMatchObject({ code: 'OVERLOADED', what: 'the parser' })
    expect(await ask(socket, ping)).toEqual(pong)
  })

  it('are refused where the parser itself is too busy, or fails in a way that nobody foresaw', async () => {
    const parser = {
      takeApart: (frame: Buffer) =>
        Promise.resolve(frame.length > 500 ? refusal('OVERLOADED', { what: 'busy' }) : (undefined as never)),
      readLongBody: () => Promise.resolve(undefined),
    }
    const { endpoint } = await serve({ limits: { inlineParseBytesMax: 100 }, parser })
    const socket = dealer(endpoint)
    expect(await ask(socket, padded(1, 600))).toMatchObject({ code: 'OVERLOADED', what: 'busy' })
    expect(await ask(socket, padded(1, 200))).toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(await ask(socket, ping)).toEqual(pong)
  })
})

describe('the number of clients', () => {
  it('is bounded: one too many is refused until another one goes', async () => {
    const { frontEnd, endpoint } = await serve({ limits: { peersMax: 2 } })
    const [first, second, third] = [dealer(endpoint), dealer(endpoint), dealer(endpoint)]
    expect(await ask(first, ping)).toEqual(pong)
    expect(await ask(second, ping)).toEqual(pong)
    expect(await ask(third, ping)).toMatchObject({ code: 'OVERLOADED', message: expect.stringContaining('2 clients') })
    expect(frontEnd.statistics().peers).toBe(2)
    first.close()
    await eventually('the first one is forgotten', () => frontEnd.statistics().peers === 1)
    expect(await ask(third, ping)).toEqual(pong)
  })
})
