// Calls that wait for something on the server: how they travel, how long they may take, and what becomes of a reply that
// nobody waits for any more. The server answers when a test says so.
import { describe, expect, it } from 'vitest'
import { clientOf, outcomeOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { ok, type ScriptedMessage, scriptedServer } from '../support/scripted-server.ts'

const delivered = { status: 'ok', item: 'work', token: 7, deliveries: 1, state_version: 1 }

/** The names of the commands of each message. */
function namesOf(messages: readonly ScriptedMessage[]): unknown[] {
  return messages.map(({ commands }) => commands.map(({ cmd }) => cmd))
}

describe('a take that waits', () => {
  it('travels in a message of its own, and nothing behind it waits with it', async () => {
    const server = await scriptedServer((message) => {
      if (message.commands[0]?.cmd !== 'POP_LIST') ok(message)
    })
    const client = await clientOf(server.endpoint)
    const queue = client.keys().queue('jobs')
    const before = queue.push('one')
    const waiting = [queue.take({ waitMs: 1_000 }), queue.take({ waitMs: 1_000 })]
    const behind = [queue.push('two'), queue.push('three')]
    await Promise.all([before, ...behind])
    expect(namesOf(server.messages)).toEqual([['PUSH_LIST'], ['POP_LIST'], ['POP_LIST'], ['PUSH_LIST', 'PUSH_LIST']])
    expect(server.messages[1]?.commands).toEqual([{ cmd: 'POP_LIST', key: 'jobs', end: 'first', lease: 30, wait: 1 }])
    for (const { reply } of server.messages.slice(1, 3)) reply([delivered])
    expect(await Promise.all(waiting)).toMatchObject([{ token: 7 }, { token: 7 }])
  })

  it('has the time of a call on top of its wait', async () => {
    const server = await scriptedServer(() => {})
    const client = await clientOf(server.endpoint, { timeoutMs: 100 })
    const queue = client.keys().queue('jobs')
    const start = performance.now()
    expect(await outcomeOf(queue.take({ waitMs: 200 }))).toBe('OUTCOME_UNKNOWN')
    expect(performance.now() - start).toBeGreaterThan(290)
  })

  it('that was given up returns what comes nevertheless', async () => {
    const server = await scriptedServer((message) => {
      if (message.commands[0]?.cmd === 'RETURN_ITEM') message.reply([{ status: 'ok', returned: true }])
    })
    const client = await clientOf(server.endpoint)
    const controller = new AbortController()
    const waiting = client.keys('work').queue('jobs').take({ waitMs: 60_000, signal: controller.signal })
    await eventually('the take is there', () => server.messages.length === 1)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    server.messages[0]?.reply([delivered])
    await eventually('the item goes back', () => server.messages.length === 2)
    expect(server.messages[1]).toMatchObject({
      routingKey: 'work',
      commands: [{ cmd: 'RETURN_ITEM', key: 'jobs', token: 7 }],
    })
  })

  it('that was given up does not keep its client from closing', async () => {
    const server = await scriptedServer(() => {})
    const client = await clientOf(server.endpoint)
    const controller = new AbortController()
    const waiting = [controller.signal, undefined].map((signal) =>
      client
        .keys()
        .queue('jobs')
        .take({ waitMs: 60_000, signal })
        .catch((error: unknown) => error),
    )
    await eventually('both are there', () => server.messages.length === 2)
    const closing = client.close({ waitMs: 60_000 })
    server.messages[1]?.reply([delivered])
    await waiting[1]
    controller.abort(new Error('enough'))
    await closing
    expect(await waiting[0]).toEqual(new Error('enough'))
  })

  it('is not sent if it was given up before', async () => {
    const server = await scriptedServer(ok)
    const client = await clientOf(server.endpoint)
    const controller = new AbortController()
    const waiting = client.keys().queue('jobs').take({ waitMs: 1_000, signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await client.keys().exists('jobs')
    expect(namesOf(server.messages)).toEqual([['KEY_EXISTS']])
  })
})

describe('a call in its documented form', () => {
  it('may wait as well', async () => {
    const server = await scriptedServer((message) => {
      if (message.commands[0]?.cmd !== 'POP_LIST') ok(message)
    })
    const client = await clientOf(server.endpoint, { timeoutMs: 5_000 })
    const waiting = client.call({ cmd: 'POP_LIST', key: 'jobs', wait: 3_600 })
    expect(await client.keys().listLength('jobs')).toBeUndefined()
    expect(namesOf(server.messages)).toEqual([['POP_LIST'], ['LIST_LENGTH']])
    server.messages[0]?.reply([{ status: 'ok', item: 1 }])
    expect(await waiting).toEqual({ status: 'ok', item: 1 })
  })
})
