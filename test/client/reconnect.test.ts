// A server that goes away and comes back under a client that is in use: every call ends, with the truth as far as it can
// be known, later ones work, and nothing is left behind.

import { readdirSync } from 'node:fs'
import { getActiveResourcesInfo } from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { clientOf, outcomeOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/ports.ts'
import { startDaemon } from '../support/program.ts'
import { ok, scriptedServer } from '../support/scripted-server.ts'
import { openServer, type Server, serve } from '../support/sockets.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Use {
  /** How often calls ended in which way. */
  readonly outcomes: Map<string, number>
  /** Waits until some more calls have succeeded. */
  goesOn(): Promise<void>
  stop(): Promise<void>
}

/** Writes and reads without a pause, on several tables, a few calls at a time. */
function use(client: Client, timeoutMs: number): Use {
  const outcomes = new Map<string, number>()
  let isOver = false
  const count = async (call: Promise<unknown>): Promise<void> => {
    const outcome = await outcomeOf(call)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  async function work(name: string): Promise<void> {
    const table = client.table<{ n: number }>(name)
    for (let n = 0; !isOver; n += 1) {
      const options = { timeoutMs }
      const calls = [table.create({}, options), table.insert({ n }, options), table.patch(1, { n }, options)]
      await Promise.all([...calls, table.get(1, options), table.all(options)].map(count))
    }
  }
  const workers = ['one', 'two', 'three', 'four'].map(work)
  return {
    outcomes,
    async goesOn() {
      const before = outcomes.get('ok') ?? 0
      await eventually('calls succeed', () => (outcomes.get('ok') ?? 0) >= before + 20)
    },
    async stop() {
      isOver = true
      await Promise.all(workers)
    },
  }
}

const handles = (): number => getActiveResourcesInfo().length + readdirSync('/dev/fd').length
const heapMegabytes = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed / 1e6
}

/** A server at the given endpoint, as soon as its port is free again. */
async function openAgain(endpoint: string): Promise<Server> {
  let server: Server | undefined
  await eventually('the port is free', async () => {
    server = await openServer({ endpoints: [endpoint] }).catch(() => undefined)
    return server !== undefined
  })
  return server as Server
}

describe('a client whose server is restarted', () => {
  it('a hundred times goes on with each of them, and keeps nothing of those before', async () => {
    let server = await openServer()
    const { endpoint } = server
    const client = await clientOf(endpoint)
    const using = use(client, 10_000)
    onTestFinished(() => using.stop())
    let heapBefore = 0
    let handlesBefore = 0
    await using.goesOn()
    for (let restart = 1; restart <= 100; restart += 1) {
      const { instance } = client.server
      await server.close()
      server = await openAgain(endpoint)
      await eventually('the client has found it', () => client.server.instance > instance)
      await using.goesOn()
      if (restart === 10) [heapBefore, handlesBefore] = [heapMegabytes(), handles()]
    }
    expect(handles() - handlesBefore).toBeLessThan(10)
    expect(heapMegabytes() - heapBefore).toBeLessThan(10)
    await using.stop()
    await client.table('last').create()
    await server.close()

    const { outcomes } = using
    expect(outcomes.get('ok')).toBeGreaterThan(2_000)
    // Written to a server that was closing at that moment, or asked of the new one, which has none of these tables yet.
    const expected = new Set(['ok', 'OUTCOME_UNKNOWN', 'STATE_NOT_FOUND', 'STATE_EXISTS'])
    expect([...outcomes.keys()].filter((outcome) => !expected.has(outcome))).toEqual([])
  })

  it('in good order waits at the next one for what it waited for', async () => {
    const server = await openServer()
    const client = await clientOf(server.endpoint)
    const queue = client.keys().queue('jobs')
    const waiting = queue.take({ waitMs: 60_000 })
    await queue.length()
    await server.close()
    const next = await openAgain(server.endpoint)
    onTestFinished(next.close)
    await queue.push('work')
    expect((await waiting)?.item).toBe('work')
  })

  it('with kill -9 goes on with the next one', async () => {
    const endpoint = `tcp://127.0.0.1:${await freePort()}`
    const start = () => startDaemon(['--bind', endpoint, '--memory'])
    let daemon = await start()
    onTestFinished(() => daemon.program.end())
    const client = await clientOf(endpoint)
    const using = use(client, 10_000)
    onTestFinished(() => using.stop())
    await using.goesOn()
    for (let restart = 0; restart < 3; restart += 1) {
      const { instance } = client.server
      await daemon.program.end()
      daemon = await start()
      await eventually('the client has found it', () => client.server.instance > instance)
      await using.goesOn()
    }
    await using.stop()
    expect(using.outcomes.get('OUTCOME_UNKNOWN')).toBeGreaterThan(0)
  })

  it('as another one is told which writes may have run, has its reads answered, and what it called meanwhile carried out', async () => {
    const server = await scriptedServer((message) => {
      if (server.hellos > 1) ok(message)
    })
    const client = await clientOf(server.endpoint)
    const table = client.table('leads')
    const sent = [table.patch(1, {}), table.get(1), table.patch(2, {})].map(outcomeOf)
    await eventually('they are sent', () => server.messages.length === 1)
    server.stop()
    const meanwhile = [table.patch(3, {}), table.get(3)].map(outcomeOf)
    // It keeps nothing, and knows nothing of what ran before.
    server.instance += 1
    await server.start()
    expect(await Promise.all(sent)).toEqual(['OUTCOME_UNKNOWN', 'ok', 'OUTCOME_UNKNOWN'])
    await Promise.all(meanwhile)
    const sentAgain = server.messages.slice(1).flatMap(({ commands }) => commands.map(({ cmd, id }) => [cmd, id]))
    expect(sentAgain.filter(([cmd, id]) => cmd === 'GET_RECORD' || id === 3)).toEqual(sentAgain)
    expect(sentAgain).toContainEqual(['GET_RECORD', 1])
  })

  it('hears of every write that its connection was lost if it is not to try again, of reads too', async () => {
    const server = await scriptedServer(() => {})
    const client = await clientOf(server.endpoint, { retry: false })
    const sent = [client.table('leads').patch(1, {}), client.table('leads').get(1)].map(outcomeOf)
    await eventually('they are sent', () => server.messages.length === 1)
    server.stop()
    expect(await Promise.all(sent)).toEqual(['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'])
  })
})

describe('a server that has lost states', () => {
  it('is asked again what it is', async () => {
    const { engine, endpoint } = await serve()
    const client = await clientOf(endpoint)
    const { instance } = client.server
    engine.router.noticeLoss()
    expect(await client.ping()).toBeGreaterThan(0)
    await eventually('it is known', () => client.server.instance === instance + 1)
  })

  it('is asked once, however many replies tell of it', async () => {
    const server = await scriptedServer(ok)
    const client = await clientOf(server.endpoint)
    server.instance += 1
    await Promise.all(['one', 'two', 'three'].map((name) => client.table(name).patch(1, {})))
    await eventually('it is known', () => client.server.instance === server.instance)
    await client.ping()
    expect(server.hellos).toBe(2)
  })
})
