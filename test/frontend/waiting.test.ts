// Commands that wait, as clients meet them: over real sockets, in both codecs, over the end of a client and of the daemon.
import { describe, expect, it, onTestFinished } from 'vitest'
import { Dealer } from 'zeromq'
import { openEngine } from '../../src/engine.ts'
import { messagePackCodec } from '../../src/protocol/message-pack.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { ask, dealer, nextReply, requestHeader, serve } from '../support/sockets.ts'

const pop = { cmd: 'POP_LIST', key: 'q', wait: 60 }
const push = (item: number): JsonObject => ({ cmd: 'PUSH_LIST', key: 'q', item })

type Call = (command: JsonObject) => Promise<JsonObject>

async function waiters(call: Call): Promise<number> {
  const { totals } = await call({ cmd: 'STATS' })
  return (totals as { waiters: number }).waiters
}

describe.each([{ shards: 0 }, { shards: 2 }])('a client of $shards threads', ({ shards }) => {
  it('that waits is answered when another one pushes', async () => {
    const { endpoint } = await serve({ shards })
    const [waiting, pushing] = [dealer(endpoint), dealer(endpoint)]
    await waiting.send(JSON.stringify({ ...pop, request_id: 7 }))
    await eventually('it waits', async () => (await waiters((command) => ask(pushing, command))) === 1)
    // What it asks meanwhile does not wait behind that.
    expect(await ask(waiting, { cmd: 'PING' })).toMatchObject({ pong: true })
    await ask(pushing, push(5))
    expect(await nextReply(waiting)).toEqual({ status: 'ok', item: 5, state_version: 2, request_id: 7 })
  })

  it('that goes leaves the queue, and loses nothing', async () => {
    const { endpoint } = await serve({ shards })
    const other = dealer(endpoint)
    const call: Call = (command) => ask(other, command)
    const gone = new Dealer({ linger: 0 })
    gone.connect(endpoint)
    await gone.send(JSON.stringify(pop))
    await eventually('it waits', async () => (await waiters(call)) === 1)
    gone.close()
    await eventually('it is gone', async () => (await waiters(call)) === 0)
    await call(push(5))
    expect(await call({ cmd: 'LIST_LENGTH', key: 'q' })).toMatchObject({ length: 1 })
  })

  it('may not wait beside other commands', async () => {
    const { endpoint } = await serve({ shards })
    const replies = await ask<JsonObject[]>(dealer(endpoint), [push(1), { ...pop, request_id: 2 }, { ...pop, wait: 0 }])
    expect(replies).toMatchObject([
      { status: 'ok', length: 1 },
      { code: 'INVALID_REQUEST', reason: 'a command that waits must be the only one of its message', request_id: 2 },
      { status: 'ok', item: 1 },
    ])
  })

  it('that waits with MessagePack is answered with it', async () => {
    const { endpoint } = await serve({ shards })
    const pushing = dealer(endpoint)
    const waits = { name: 'POP_LIST', args: { key: 'q', wait: 60 } } as const
    const waiting = dealer(endpoint)
    await waiting.send([requestHeader({ codec: 2 }), 'default', Buffer.from(messagePackCodec.encodeCommands([waits]))])
    await eventually('it waits', async () => (await waiters((command) => ask(pushing, command))) === 1)
    await ask(pushing, push(5))
    const [, body = Buffer.alloc(0)] = await waiting.receive()
    expect(messagePackCodec.decodeReplies(body, [waits])).toEqual([{ status: 'ok', item: 5, state_version: 2 }])
  })
})

describe('an engine that is closed', () => {
  it.each([0, 2])('refuses at once whoever waits, with %i threads', async (shards) => {
    const engine = await openEngine({ shards })
    onTestFinished(() => engine.close())
    const reply = engine.call(pop)
    await eventually('it waits', async () => (await waiters((command) => engine.call(command))) === 1)
    await engine.close()
    expect(await reply).toMatchObject({ code: 'SHUTTING_DOWN' })
  })
})
