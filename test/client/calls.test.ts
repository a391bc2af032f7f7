// What a client does besides tables, and how each call ends: by its reply, its signal, its time, or the end of the client.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { connect } from '../../src/client/index.ts'
import { refusal } from '../../src/protocol/errors.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { clientAndServer, clientOf, errorOf, outcomeOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/ports.ts'
import { ok, scriptedServer } from '../support/scripted-server.ts'
import { namesOnShard } from '../support/shards.ts'
import { serve } from '../support/sockets.ts'

const runFile = promisify(execFile)
const builtEntry = new URL('../../dist/src/client/index.js', import.meta.url).href

describe('a client', () => {
  it('runs any command in its documented form', async () => {
    const { client } = await clientAndServer()
    expect(await client.call({ cmd: 'create_state', state: 'leads', max_length: 3, request_id: 7 })).toEqual({
      status: 'ok',
      created: true,
      max_length: 3,
      version: 0,
      request_id: 7,
    })
    expect(await client.call({ cmd: 'PING' })).toEqual({ status: 'ok', pong: true })
    expect(await client.call({ cmd: 'LIST_STATES' })).toEqual({ status: 'ok', states: ['leads'] })
  })

  it.each<[string, { cmd: string; [field: string]: string | JsonObject }, string]>([
    ['a command that does not exist', { cmd: 'MAKE_COFFEE' }, 'UNKNOWN_COMMAND'],
    ['a field that it does not have', { cmd: 'DELETE_STATE', state: 'leads', force: 'yes' }, 'INVALID_REQUEST'],
    ['a field that is missing', { cmd: 'GET_RECORD', state: 'leads' }, 'INVALID_REQUEST'],
    ['a state that is missing', { cmd: 'GET_STATE_INFO' }, 'INVALID_REQUEST'],
    ['a state that does not exist', { cmd: 'GET_STATE_INFO', state: 'none' }, 'STATE_NOT_FOUND'],
  ])('rejects %s as the server would refuse it', async (_what, command, code) => {
    const { client, engine } = await clientAndServer()
    const error = await errorOf(client.call(command))
    const { status: _, code: refusedWith, message, ...details } = await engine.call(command)
    expect(error).toMatchObject({ code, message, details })
    expect(refusedWith).toBe(code)
  })

  it('names the states, tells how the server does and how far it is', async () => {
    const { client } = await clientAndServer()
    await Promise.all(['b', 'a', 'leads 2', 'leads 1'].map((name) => client.table(name).create()))
    expect(await client.states()).toEqual(['a', 'b', 'leads 1', 'leads 2'])
    expect(await client.states({ prefix: 'leads' })).toEqual(['leads 1', 'leads 2'])
    expect(await client.ping()).toBeGreaterThan(0)
    expect(await client.stats()).toMatchObject({ status: 'ok', totals: { states: { table: 4 } } })
    expect(client.server).toMatchObject({ shards: 1, durability: 'memory', limits: { commandsPerMessageMax: 1_000 } })
  })

  it('does not pass off as whole what the states of the shards that serve are', async () => {
    const { client, engine } = await clientAndServer({ shards: 2 })
    const [there = ''] = namesOnShard(0, 2, 1)
    const [gone = ''] = namesOnShard(1, 2, 1)
    await Promise.all([there, gone].map((name) => client.table(name).create()))
    const details = { shard: 1, deaths: 3, reason: 'hung', last_command: null }
    engine.mailboxes[1]?.refuseAll(refusal('QUARANTINED', details))
    expect(await errorOf(client.table(gone).get(1))).toMatchObject({ code: 'QUARANTINED', retryable: false, details })
    expect(await errorOf(client.states())).toMatchObject({
      code: 'SHARDS_MISSING',
      message: 'The list is not whole: nobody knows the states of shard 1',
      retryable: false,
      mayHaveRun: false,
      details: { missing_shards: [1], states: [there] },
    })
    expect(await client.call({ cmd: 'LIST_STATES' })).toMatchObject({ states: [there], missing_shards: [1] })
    expect(await client.stats()).toMatchObject({ missing_shards: [1], shards: [{ shard: 0 }] })
    expect(await client.call({ cmd: 'LIST_QUARANTINED' })).toEqual({ status: 'ok', shards: [] })
    expect(await client.call({ cmd: 'RELEASE_SHARD', shard: 1 })).toEqual({ status: 'ok', released: false })
  })

  it('connects to the first of several servers that answers', async () => {
    const { endpoint } = await serve()
    const client = await clientOf([`tcp://127.0.0.1:${await freePort()}`, endpoint])
    expect(client.server.endpoint).toBe(endpoint)
  })

  it('is not had where nobody answers', async () => {
    const endpoint = `tcp://127.0.0.1:${await freePort()}`
    const error = await errorOf(connect(endpoint, { connectTimeoutMs: 50 }))
    expect(error).toMatchObject({ code: 'NOT_CONNECTED', retryable: true, mayHaveRun: false })
    expect(error.message).toBe(`Not connected: no Holdfast answered at ${endpoint} in time`)
    await expect(connect('http://127.0.0.1:80')).rejects.toThrow('no endpoint')
    await expect(connect([])).rejects.toThrow('no endpoint')
  })

  it.each([
    ['something else', 'hello', 'which is no Holdfast'],
    [
      'a server that refuses it',
      { status: 'error', code: 'UNSUPPORTED', message: 'Unsupported: version 1' },
      'version 1',
    ],
  ])('is not had where %s answers, and says so', async (_what, greeting, words) => {
    const server = await scriptedServer(ok)
    server.greeting = greeting
    const error = await errorOf(connect(server.endpoint, { connectTimeoutMs: 400 }))
    expect(error).toMatchObject({ code: 'NOT_CONNECTED' })
    expect(error.message).toContain(words)
  })

  it('takes no table whose name no state can have, and no time that is none', async () => {
    const { client } = await clientAndServer()
    for (const name of ['', '\ud800', 'x'.repeat(256)]) expect(() => client.table(name)).toThrow("'state'")
    await expect(client.ping({ timeoutMs: Number.NaN })).rejects.toThrow(RangeError)
    await expect(client.ping({ timeoutMs: -1 })).rejects.toThrow(RangeError)
    expect(await client.ping({ timeoutMs: Number.POSITIVE_INFINITY })).toBeGreaterThan(0)
  })

  it('is imported without loading ZeroMQ', async () => {
    const script = `await import(${JSON.stringify(builtEntry)}); console.log(process.report.getReport().sharedObjects.join())`
    const { stdout } = await runFile(process.execPath, ['--input-type=module', '--eval', script])
    expect(stdout).toContain('libc')
    expect(stdout).not.toContain('zeromq')
  })
})

describe('a call that gets no reply', () => {
  it('ends when its time is over: its command may have run', async () => {
    const server = await scriptedServer(() => {})
    const client = await clientOf(server.endpoint, { timeoutMs: 200 })
    const table = client.table('leads')
    const [patch, get, late] = [table.patch(1, {}), table.get(1), table.get(2, { timeoutMs: 400 })]
    const start = performance.now()
    expect(await errorOf(patch)).toMatchObject({ code: 'OUTCOME_UNKNOWN', retryable: false, mayHaveRun: true })
    expect(await outcomeOf(get)).toBe('OUTCOME_UNKNOWN')
    expect(performance.now() - start).toBeGreaterThan(190)
    expect(await outcomeOf(late)).toBe('OUTCOME_UNKNOWN')
    expect(performance.now() - start).toBeGreaterThan(390)
    // The replies that come too late are for nobody.
    for (const message of server.messages) ok(message)
    expect(await client.ping({ timeoutMs: 10_000 })).toBeGreaterThan(0)
  })

  it('and was not even sent says so', async () => {
    const server = await scriptedServer(() => {}, { requests_in_flight_per_peer_max: 1 })
    const client = await clientOf(server.endpoint)
    const first = client.table('one').get(1, { timeoutMs: 200 })
    expect(await errorOf(client.table('two').get(1, { timeoutMs: 50 }))).toMatchObject({
      code: 'NOT_SENT',
      retryable: true,
      mayHaveRun: false,
    })
    expect(await outcomeOf(first)).toBe('OUTCOME_UNKNOWN')
    server.stop()
    await eventually('the connection is seen to be lost', async () => {
      return (await outcomeOf(client.table('three').patch(1, {}, { timeoutMs: 20 }))) === 'NOT_CONNECTED'
    })
    expect(server.messages.map(({ routingKey }) => routingKey)).not.toContain('two')
  })

  it('is not sent any more if its signal ended it before', async () => {
    const server = await scriptedServer(ok)
    const client = await clientOf(server.endpoint)
    const controller = new AbortController()
    const table = client.table('leads')
    const calls = [table.patch(1, { n: 1 }, { signal: controller.signal }), table.patch(2, { n: 2 })]
    controller.abort(new Error('enough'))
    await expect(calls[0]).rejects.toThrow('enough')
    expect(await calls[1]).toBe(true)
    expect(server.messages.flatMap(({ commands }) => commands.map(({ id }) => id))).toEqual([2])
  })

  it('is ended by its signal after it was sent, and its late reply is ignored', async () => {
    const server = await scriptedServer(() => {})
    const client = await clientOf(server.endpoint)
    const controller = new AbortController()
    const call = client.table('leads').patch(1, {}, { signal: controller.signal })
    await eventually('it is sent', () => server.messages.length === 1)
    controller.abort(new Error('enough'))
    await expect(call).rejects.toThrow('enough')
    server.messages.forEach(ok)
    expect(await client.ping()).toBeGreaterThan(0)
  })
})

describe('a reply that makes no sense', () => {
  it.each([
    ['text that is not JSON', 'nonsense'],
    ['too few replies', '[]'],
    ['no list', '5'],
    ['replies that are none', '[5]'],
    ['a refusal without a code', '{}'],
  ])('(%s) ends the calls of its message, and only these', async (_what, body) => {
    const server = await scriptedServer((message) => {
      if (message.routingKey === 'leads') message.reply(body)
      else ok(message)
    })
    const client = await clientOf(server.endpoint)
    const calls = [client.table('leads').patch(1, {}), client.table('others').patch(1, {})].map(outcomeOf)
    expect(await Promise.all(calls)).toEqual(['OUTCOME_UNKNOWN', 'ok'])
  })
})

describe('a refusal that passes', () => {
  const refusal = { status: 'error', code: 'SHARD_RECOVERING', message: 'Shard 0 is recovering', shard: 0 }

  it('of a whole message is not seen by the caller, and keeps the order of the calls', async () => {
    let refusals = 3
    const run: unknown[] = []
    const server = await scriptedServer((message) => {
      if (message.routingKey === 'leads' && refusals > 0) {
        refusals -= 1
        message.reply(refusal)
        return
      }
      if (message.routingKey === 'leads') run.push(...message.commands.map(({ id }) => id))
      ok(message)
    })
    const client = await clientOf(server.endpoint)
    const table = client.table('leads')
    const calls = [table.patch(1, {}), table.patch(2, {})]
    await eventually('they are refused', () => refusals < 3)
    calls.push(table.patch(3, {}))
    // Another table does not wait for this one.
    expect(await client.table('others').patch(1, {})).toBe(true)
    expect(await Promise.all(calls)).toEqual([true, true, true])
    expect(run).toEqual([1, 2, 3])
  })

  it('of one command concerns only that one', async () => {
    let isRefused = false
    const server = await scriptedServer((message) => {
      const { commands, reply } = message
      if (isRefused) return ok(message)
      isRefused = true
      reply(commands.map(({ id }) => (id === 2 ? refusal : { status: 'ok', patched: true, version: 1 })))
    })
    const table = (await clientOf(server.endpoint)).table('leads')
    expect(await Promise.all([1, 2, 3].map((id) => table.patch(id, {})))).toEqual([true, true, true])
    expect(server.messages.map(({ commands }) => commands.map(({ id }) => id))).toEqual([[1, 2, 3], [2]])
  })

  it('of what is on no state is not waited for by anything else', async () => {
    const server = await scriptedServer(({ commands, reply }) => reply(commands.map(() => refusal)))
    const client = await clientOf(server.endpoint)
    const controller = new AbortController()
    const stats = client.stats({ signal: controller.signal })
    await eventually('it is refused', () => server.messages.length > 0)
    expect(await client.ping()).toBeGreaterThan(0)
    controller.abort(new Error('enough'))
    await expect(stats).rejects.toThrow('enough')
  })

  it('is handed over at once if the client is not to try again', async () => {
    const server = await scriptedServer(({ reply }) => reply(refusal))
    const table = (await clientOf(server.endpoint, { retry: false })).table('leads')
    expect(await errorOf(table.patch(1, {}))).toMatchObject({ code: 'SHARD_RECOVERING', details: { shard: 0 } })
    expect(server.messages).toHaveLength(1)
  })
})

describe('a client that is closed', () => {
  it('first waits for the calls that were made, and takes no others', async () => {
    const { client } = await clientAndServer()
    const table = client.table('leads')
    const calls = [table.create(), ...Array.from({ length: 5_000 }, () => table.insert({ n: 1 }))]
    const closed = client.close()
    expect(await errorOf(table.get(1))).toMatchObject({ code: 'CLIENT_CLOSED', retryable: false, mayHaveRun: false })
    await Promise.all(calls)
    await closed
    expect(await outcomeOf(table.get(1))).toBe('CLIENT_CLOSED')
    await client.close()
  })

  it('gives up on them after a while, and says of each whether it may have run', async () => {
    const server = await scriptedServer(() => {}, { requests_in_flight_per_peer_max: 1 })
    const client = await clientOf(server.endpoint)
    const calls = [client.table('one').patch(1, {}), client.table('two').patch(1, {})].map(outcomeOf)
    await eventually('the first is sent', () => server.messages.length === 1)
    await client.close({ waitMs: 20 })
    expect(await Promise.all(calls)).toEqual(['OUTCOME_UNKNOWN', 'CLIENT_CLOSED'])
  })

  it('does not wait for a server that is gone', async () => {
    const server = await scriptedServer(() => {})
    const client = await clientOf(server.endpoint, { retry: false })
    const sent = outcomeOf(client.table('one').patch(1, {}))
    await eventually('it is sent', () => server.messages.length === 1)
    server.stop()
    expect(await sent).toBe('OUTCOME_UNKNOWN')
    const unsent = outcomeOf(client.table('one').patch(1, {}))
    await client.close({ waitMs: 10_000 })
    expect(await unsent).toBe('CLIENT_CLOSED')
  })

  it('does not wait for a server that is gone with a write that could be sent again', async () => {
    const server = await scriptedServer(() => {})
    const client = await clientOf(server.endpoint)
    const sent = outcomeOf(client.table('one').patch(1, {}))
    await eventually('it is sent', () => server.messages.length === 1)
    server.stop()
    await client.close({ waitMs: 10_000 })
    expect(await sent).toBe('OUTCOME_UNKNOWN')
  })

  it('leaves nothing open: its program ends by itself', async () => {
    const { endpoint } = await serve()
    const script = `
      const { connect } = await import(${JSON.stringify(builtEntry)})
      const client = await connect(${JSON.stringify(endpoint)})
      await client.table('leads').create()
      const controller = new AbortController()
      await client.ping({ signal: controller.signal, timeoutMs: 60_000 })
      await client.close()
      console.log('closed')`
    const program = await runFile(process.execPath, ['--input-type=module', '--eval', script], { timeout: 15_000 })
    expect(program.stdout).toBe('closed\n')
  })

  it('is closed at the end of the block that it is declared in', async () => {
    const { endpoint } = await serve()
    const table = await (async () => {
      await using client = await connect(endpoint)
      await client.ping()
      return client.table('leads')
    })()
    expect(await outcomeOf(table.create())).toBe('CLIENT_CLOSED')
  })
})
