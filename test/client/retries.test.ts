// Writes that no reply comes to: the client sends the same message again, under the same number, as long as the server that
// may have run it would know that, and nobody sees a write twice.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { clientOf, outcomeOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/ports.ts'
import { startDaemon } from '../support/program.ts'
import { ok, type ScriptedMessage, type ScriptedServer, scriptedServer } from '../support/scripted-server.ts'
import { serve } from '../support/sockets.ts'

const recovering = { status: 'error', code: 'SHARD_RECOVERING', message: 'Shard 0 is recovering', shard: 0 }
const unknown = { status: 'error', code: 'OUTCOME_UNKNOWN', message: 'The outcome is unknown: shard 0 stopped' }
const expired = {
  status: 'error',
  code: 'SESSION_EXPIRED',
  message: 'What became of it is not known any more',
  number: 1,
}

const bodies = ({ messages }: ScriptedServer): string[] => messages.map(({ commands }) => JSON.stringify(commands))
const numbers = ({ messages }: ScriptedServer): number[] => messages.map(({ header }) => header.writeNumber)
const marks = ({ messages }: ScriptedServer): boolean[] => messages.map(({ header }) => header.isAgain)

/** A server that answers message by message as it is told, and the last way from then on. */
function answering(...answers: ((message: ScriptedMessage) => void)[]): Promise<ScriptedServer> {
  let count = 0
  return scriptedServer((message) => {
    const answer = answers[Math.min(count, answers.length - 1)]
    count += 1
    answer?.(message)
  })
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-retries-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const silent = (): void => {}
const durable = { durability: 'strict' }

describe('a write without a reply', () => {
  it('is sent again as it was, and its caller hears once', async () => {
    const server = await answering(silent, silent, ok)
    const client = await clientOf(server.endpoint, { retryAfterMs: 20 })
    const table = client.table('leads')
    const calls = [table.patch(1, { n: 1 }), table.get(1), table.patch(2, { n: 2 })]
    expect(await Promise.all(calls.map(outcomeOf))).toEqual(['ok', 'ok', 'ok'])
    expect(new Set(bodies(server)).size).toBe(1)
    expect([numbers(server), marks(server)]).toEqual([
      [1, 1, 1],
      [false, true, true],
    ])
    expect(new Set(server.messages.map(({ header }) => header.requestNumber)).size).toBe(3)
  })

  it('takes the reply to any of its copies, and only one', async () => {
    const held: ScriptedMessage[] = []
    const server = await answering((message) => held.push(message))
    const client = await clientOf(server.endpoint, { retryAfterMs: 20 })
    const first = outcomeOf(client.table('leads').patch(1, {}))
    await eventually('it came again', () => held.length > 1)
    ok(held[0] as ScriptedMessage)
    expect(await first).toBe('ok')
    ;(held[1] as ScriptedMessage).reply(recovering)
    const second = outcomeOf(client.table('leads').patch(2, {}))
    await eventually('the next one came', () => numbers(server).includes(2))
    const next = held.find(({ header }) => header.writeNumber === 2) as ScriptedMessage
    expect(next.header.settled).toBe(2)
    ok(next)
    expect(await second).toBe('ok')
  })

  it('ends with its time, and is not sent again then', async () => {
    const server = await answering(silent)
    const client = await clientOf(server.endpoint, { retryAfterMs: 20 })
    expect(await outcomeOf(client.table('leads').patch(1, {}, { timeoutMs: 200 }))).toBe('OUTCOME_UNKNOWN')
    const sent = server.messages.length
    await client.ping()
    expect(server.messages).toHaveLength(sent)
  })

  it('is not numbered, and not sent again, where that is not wanted', async () => {
    const server = await answering(silent)
    const client = await clientOf(server.endpoint, { retry: false, retryAfterMs: 20 })
    expect(await outcomeOf(client.table('leads').patch(1, {}, { timeoutMs: 200 }))).toBe('OUTCOME_UNKNOWN')
    expect(numbers(server)).toEqual([0])
  })
})

describe('a write that is refused as a whole', () => {
  it('because its shard is starting is sent under the same number until that has passed', async () => {
    const server = await answering(
      ({ reply }) => reply(recovering),
      ({ reply }) => reply(recovering),
      ok,
    )
    const client = await clientOf(server.endpoint)
    expect(await outcomeOf(client.table('leads').patch(1, {}))).toBe('ok')
    expect([numbers(server), marks(server)]).toEqual([
      [1, 1, 1],
      [false, false, false],
    ])
  })

  it('by its time says why, and not that it may have run', async () => {
    const server = await answering(({ reply }) => reply(recovering))
    const client = await clientOf(server.endpoint)
    expect(await outcomeOf(client.table('leads').patch(1, {}, { timeoutMs: 100 }))).toBe('SHARD_RECOVERING')
  })

  it('because its shard died is sent again to a server that keeps its data', async () => {
    const server = await answering(({ reply }) => reply(unknown), ok)
    Object.assign(server, durable)
    const client = await clientOf(server.endpoint)
    expect(await outcomeOf(client.table('leads').patch(1, {}))).toBe('ok')
    expect([numbers(server), marks(server)]).toEqual([
      [1, 1],
      [false, true],
    ])
  })

  it('because its shard died is not sent again to a server that keeps nothing', async () => {
    const server = await answering(({ reply }) => reply(unknown), ok)
    const client = await clientOf(server.endpoint)
    expect(await outcomeOf(client.table('leads').patch(1, {}))).toBe('OUTCOME_UNKNOWN')
    expect(server.messages).toHaveLength(1)
  })

  it('with a session that is forgotten may have run', async () => {
    const server = await answering(silent, ({ reply }) => reply(expired))
    const client = await clientOf(server.endpoint, { retryAfterMs: 20 })
    expect(await outcomeOf(client.table('leads').patch(1, {}))).toBe('OUTCOME_UNKNOWN')
  })

  it('for good after it was sent before may have run, unless the refusal is about its form', async () => {
    const corrupt = { status: 'error', code: 'SHARD_CORRUPT', message: 'Shard 0 is damaged', shard: 0, lost: [] }
    const server = await answering(
      silent,
      ({ reply }) => reply(corrupt),
      silent,
      ({ reply }) => reply({ status: 'error', code: 'LIMIT_EXCEEDED', message: 'too much', what: 'it', limit: 1 }),
    )
    const client = await clientOf(server.endpoint, { retryAfterMs: 20 })
    expect(await outcomeOf(client.table('leads').patch(1, {}))).toBe('OUTCOME_UNKNOWN')
    expect(await outcomeOf(client.table('leads').patch(1, {}))).toBe('LIMIT_EXCEEDED')
  })
})

describe('a write whose connection is lost', () => {
  async function cut(change: (server: ScriptedServer) => void, start: Partial<ScriptedServer> = {}) {
    const server = await answering(silent, ok)
    Object.assign(server, start)
    const client = await clientOf(server.endpoint)
    const outcome = outcomeOf(client.table('leads').patch(1, {}))
    await eventually('it is sent', () => server.messages.length === 1)
    server.stop()
    change(server)
    await server.start()
    return { outcome: await outcome, sent: numbers(server) }
  }

  it('is sent again to the same server', async () => {
    expect(await cut(() => {})).toEqual({ outcome: 'ok', sent: [1, 1] })
  })

  it('is sent again to another life of a server that keeps its data', async () => {
    expect(await cut((server) => (server.instance += 1), durable)).toEqual({ outcome: 'ok', sent: [1, 1] })
  })

  it('is not sent to another life of a server that keeps nothing', async () => {
    expect(await cut((server) => (server.instance += 1))).toEqual({ outcome: 'OUTCOME_UNKNOWN', sent: [1] })
  })

  it('is not sent to a server that has other data', async () => {
    expect(await cut((server) => (server.dataId = 'two'), durable)).toEqual({ outcome: 'OUTCOME_UNKNOWN', sent: [1] })
  })
})

describe('a transaction', () => {
  const results = ({ reply }: ScriptedMessage): void => reply([{ status: 'ok', results: [{ deleted: true }] }])
  const run = async (server: ScriptedServer): Promise<string> => {
    const client = await clientOf(server.endpoint, { retryAfterMs: 20, timeoutMs: 300 })
    return outcomeOf(client.transaction((transaction) => [transaction.keys().delete('a')]))
  }

  it('without a reply is not sent again, as no number keeps it from running twice', async () => {
    const server = await answering(silent, results)
    Object.assign(server, durable)
    expect(await run(server)).toBe('OUTCOME_UNKNOWN')
    expect(numbers(server)).toEqual([0])
  })

  it('that may have run is not sent again', async () => {
    const server = await answering(({ reply }) => reply([unknown]), results)
    Object.assign(server, durable)
    expect(await run(server)).toBe('OUTCOME_UNKNOWN')
    expect(numbers(server)).toEqual([0])
  })

  it('that did not run is sent again', async () => {
    const server = await answering(({ reply }) => reply([recovering]), results)
    expect(await run(server)).toBe('ok')
    expect(numbers(server)).toEqual([0, 0])
  })
})

describe('with a real server', () => {
  it('writes survive the deaths of their shard: each runs once', async () => {
    const { engine, endpoint } = await serve({ data: temporaryFolder(), limits: { shardDeathsMax: 10 } })
    const client = await clientOf(endpoint)
    const keys = client.keys<number>()
    const increments: Promise<number>[] = []
    for (let death = 0; death < 5; death += 1) {
      await engine.injectFault(0, death % 2 === 0 ? 'lost-answer' : 'throw')
      for (let n = 0; n < 20; n += 1) increments.push(keys.increment('n'))
      await increments.at(-1)
    }
    const values = await Promise.all(increments)
    expect(values).toEqual(Array.from({ length: 100 }, (_, n) => n + 1))
    expect(await keys.get('n')).toBe(100)
  })

  it('a daemon that keeps its data is the same one after kill -9: writes go on and run once', async () => {
    const folder = temporaryFolder()
    const endpoint = `tcp://127.0.0.1:${await freePort()}`
    const start = () => startDaemon(['--bind', endpoint, '--data', folder])
    let daemon = await start()
    onTestFinished(() => daemon.program.end())
    const client = await clientOf(endpoint)
    let isOver = false
    let done = 0
    const work = async (): Promise<void> => {
      while (!isOver) {
        await client.keys().increment('n')
        done += 1
      }
    }
    const workers = Array.from({ length: 32 }, work)
    for (let kill = 0; kill < 2; kill += 1) {
      const before = done
      await eventually('calls succeed', () => done > before + 200)
      const { dataId } = client.server
      await daemon.program.end()
      daemon = await start()
      await eventually('the client has found it', () => done > before + 400)
      expect(client.server.dataId).toBe(dataId)
    }
    isOver = true
    await Promise.all(workers)
    expect(await client.keys().get('n')).toBe(done)
  })
})
