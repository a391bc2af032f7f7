// Messages on several names at the front end: what it refuses, what it passes on unread, and how early replies leave.
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { Peer } from '../../src/frontend/peer.ts'
import { Requests } from '../../src/frontend/requests.ts'
import { Writer } from '../../src/frontend/writer.ts'
import { readPlaces, readReplyHeader } from '../../src/protocol/frames.ts'
import type { SentAs } from '../../src/protocol/mailbox.ts'
import type { Respond } from '../../src/router/mailbox.ts'
import type { Router } from '../../src/router/router.ts'
import { eventually } from '../support/eventually.ts'
import { dealer, requestHeader, serve } from '../support/sockets.ts'

const increment = { cmd: 'INCREMENT_KEY', key: 'n' }

describe('a message on several names', () => {
  it('is answered by one reply, in the order of its commands', async () => {
    const { endpoint } = await serve()
    const socket = dealer(endpoint)
    await socket.send([
      requestHeader({ isSpread: true }),
      'b',
      JSON.stringify(['a', [increment, increment], 'b', [increment]]),
    ])
    const [header, body] = (await socket.receive()) as [Buffer, Buffer]
    expect(readReplyHeader(header)).toMatchObject({ requestNumber: 7, isError: false, isEarly: false })
    expect(JSON.parse(String(body))).toMatchObject([{ value: 1 }, { value: 2 }, { value: 1 }])
  })

  it.each<[string, Parameters<typeof requestHeader>[0], string, string, string]>([
    ['without a routing key', {}, '', '["a",[]]', 'needs one of them as its routing key'],
    ['whose body is an object', {}, 'a', '{"a":[]}', 'must be an array'],
    ['whose body is no JSON', {}, 'a', '["a"', 'Invalid JSON'],
    ['whose body is no MessagePack', { codec: 2 }, 'a', '\u00c1', 'Invalid request'],
    ['whose names and commands do not come in pairs', {}, 'a', '["a"]', 'followed by its commands'],
  ])('%s is refused as a whole', async (_what, changes, key, body, words) => {
    const { endpoint } = await serve()
    const socket = dealer(endpoint)
    await socket.send([requestHeader({ isSpread: true, ...changes }), key, body])
    const [header, reply] = (await socket.receive()) as [Buffer, Buffer]
    expect(readReplyHeader(header)).toMatchObject({ isError: true })
    expect((JSON.parse(String(reply)) as { message: string }).message).toContain(words)
  })

  it('gets early replies with the places of their commands, and the reply of all of it at last', async () => {
    const sent: Buffer[][] = []
    const submitted: { key: string; sentAs: SentAs; respond: Respond }[] = []
    const router = {
      instance: 5,
      runRouted: (key: string, sentAs: SentAs, _body: unknown, respond: Respond) =>
        submitted.push({ key, sentAs, respond }),
    } as unknown as Router
    const limits = defaultLimits
    const log = silentLog
    const send = async (frames: Buffer[]): Promise<void> => void sent.push(frames)
    const writer = new Writer({ send, limits, log, onUnreachable: () => {} })
    const requests = new Requests({ router, writer, limits, log })
    const peer = new Peer(Buffer.from('p'), true)
    requests.take(peer, [
      peer.identity,
      requestHeader({ isSpread: true, codec: 2 }),
      Buffer.from('b'),
      Buffer.from([0x90]),
    ])
    const [{ key, sentAs, respond }] = submitted as [(typeof submitted)[0]]
    expect([key, sentAs]).toEqual(['b', 'msgpack-spread'])
    respond([Buffer.from('some')], [0, 2])
    expect(peer.inFlight, 'it is not answered yet').toBe(1)
    respond([Buffer.from('all')])
    expect(peer.inFlight).toBe(0)
    await eventually('both are sent', () => sent.length === 2)
    const [[, early, places, some], [, header, all]] = sent as [Buffer[], Buffer[]]
    expect(readReplyHeader(early as Buffer)).toMatchObject({
      requestNumber: 7,
      isEarly: true,
      isError: false,
      instance: 5,
    })
    expect([readPlaces(places as Buffer), String(some)]).toEqual([[0, 2], 'some'])
    expect(readReplyHeader(header as Buffer)).toMatchObject({ requestNumber: 7, isEarly: false, isError: false })
    expect(String(all)).toBe('all')
  })
})
