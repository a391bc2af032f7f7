// The batcher with a connection that only takes notes, on a clock that is turned by hand.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Batcher } from '../../src/client/batcher.ts'
import type { Connection } from '../../src/client/connection.ts'
import { jsonCodec } from '../../src/protocol/codec.ts'
import { readRequestHeader, writeReplyHeader } from '../../src/protocol/frames.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { outcomeOf } from '../support/clients.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setImmediate'] })
})
afterEach(() => {
  vi.useRealTimers()
})

type Frames = (Buffer | Uint8Array | string)[]

/** A connection, and the frames that it was given. */
function connection(changedLimits: object = {}): { taken: Frames[]; connection: Connection } {
  const limits = { messageBytesMax: 1e7, commandsPerMessageMax: 1_000, requestsInFlightMax: 100, ...changedLimits }
  const taken: Frames[] = []
  const send = (frames: Frames): void => void taken.push(frames)
  return { taken, connection: { codec: jsonCodec, server: { instance: 1, limits }, send } as unknown as Connection }
}

/** The ids in the commands of a message. */
function idsOf([, , body]: Frames): unknown[] {
  return (JSON.parse(String(body)) as JsonObject[]).map(({ id }) => id)
}

function replyTo([header]: Frames, replies: JsonObject[]): Buffer[] {
  const request = readRequestHeader(header as Buffer)
  if ('code' in request) throw new Error(request.message)
  const replyHeader = writeReplyHeader({ ...request, isError: false, isEarly: false, instance: 1 })
  return [replyHeader, Buffer.from(JSON.stringify(replies))]
}

const minuteMs = 60_000
const recovering = { status: 'error', code: 'SHARD_RECOVERING', message: 'Shard 0 is recovering', shard: 0 }

describe('a batcher', () => {
  const open = (): Batcher =>
    new Batcher({
      session: Buffer.alloc(16),
      endpoints: ['tcp://127.0.0.1:1'],
      timeoutMs: minuteMs,
      retry: true,
      retryAfterMs: 3_000,
      onInstanceChange: () => {},
    })
  const get = (batcher: Batcher, id: number): Promise<string> =>
    outcomeOf(batcher.run('GET_RECORD', 'leads', { id }, ({ record }) => record))

  it('gives a call its full time, also in the turn in which the connection is back after hours', async () => {
    const batcher = open()
    const { taken, connection: there } = connection()
    batcher.up(there)
    await vi.advanceTimersByTimeAsync(300 * minuteMs)
    batcher.up(there)
    const call = get(batcher, 1)
    await vi.advanceTimersByTimeAsync(minuteMs - 100)
    expect(taken).toHaveLength(1)
    batcher.take(replyTo(taken[0] ?? [], [{ status: 'ok', record: null }]))
    expect(await call).toBe('ok')
  })

  it('has one timer for all calls, and none when there are no calls', async () => {
    const batcher = open()
    const { taken, connection: there } = connection()
    batcher.up(there)
    await vi.advanceTimersByTimeAsync(1)
    const calls = Array.from({ length: 100 }, (_, id) => get(batcher, id))
    await vi.advanceTimersByTimeAsync(1)
    expect(vi.getTimerCount()).toBe(1)
    const replies = Array.from({ length: 100 }, () => ({ status: 'ok', record: null }))
    batcher.take(replyTo(taken[0] ?? [], replies))
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['ok']))
    await vi.advanceTimersByTimeAsync(minuteMs)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('gathers what is called in one turn, in however many callbacks and behind however many promises', async () => {
    vi.useRealTimers()
    const batcher = open()
    const { taken, connection: there } = connection()
    batcher.up(there)
    await nextTurn()
    const ready = Promise.resolve()
    const deep = async (depth: number): Promise<void> => {
      for (let level = 0; level < depth; level += 1) await ready
      void get(batcher, depth)
    }
    await Promise.all(
      [1, 5, 20].map((depth) => {
        return new Promise<void>((resolve, reject) => {
          setImmediate(() => void deep(depth).then(resolve, reject))
        })
      }),
    )
    await nextTurn()
    await nextTurn()
    expect(taken.map(idsOf)).toEqual([[1, 5, 20]])
  })

  it('sends calls that are refused for a while again in the order in which they were made', async () => {
    const batcher = open()
    const { taken, connection: there } = connection()
    batcher.up(there)
    const calls: Promise<string>[] = []
    for (const ids of [[1, 2], [3]]) {
      calls.push(...ids.map((id) => get(batcher, id)))
      await vi.advanceTimersByTimeAsync(0)
    }
    // The first message is refused, another call is made meanwhile, then the second message is refused.
    batcher.take(replyTo(taken[0] ?? [], [recovering, recovering]))
    calls.push(get(batcher, 4))
    await vi.advanceTimersByTimeAsync(0)
    batcher.take(replyTo(taken[1] ?? [], [recovering]))
    expect(taken.map(idsOf)).toEqual([[1, 2], [3]])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(taken.slice(2).map(idsOf)).toEqual([[1, 2, 3, 4]])
    const replies = calls.map(() => ({ status: 'ok', record: null }))
    batcher.take(replyTo(taken[2] ?? [], replies))
    expect(await Promise.all(calls)).toEqual(['ok', 'ok', 'ok', 'ok'])
  })

  it('ends a call with its refusal if that has not passed by its deadline, and with it those that wait behind', async () => {
    const batcher = open()
    const { taken, connection: there } = connection()
    batcher.up(there)
    const calls = [get(batcher, 1)]
    let answered = 0
    for (let elapsedMs = 0; elapsedMs < minuteMs + 100; elapsedMs += 1) {
      await vi.advanceTimersByTimeAsync(1)
      for (const message of taken.slice(answered)) {
        const replies = idsOf(message).map(() => recovering)
        batcher.take(replyTo(message, replies))
      }
      answered = taken.length
      if (elapsedMs === 1) calls.push(get(batcher, 2))
    }
    expect(await Promise.all(calls)).toEqual(['SHARD_RECOVERING', 'SHARD_RECOVERING'])
    // Ten waits up to a second, and then each about three quarters of one.
    expect(answered).toBeGreaterThan(50)
    expect(answered).toBeLessThan(140)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sends to a server that does not answer no more than it may, until the time of what was sent is over', async () => {
    const batcher = open()
    const { taken, connection: there } = connection({ requestsInFlightMax: 1 })
    batcher.up(there)
    const first = get(batcher, 1)
    await vi.advanceTimersByTimeAsync(minuteMs / 2)
    const second = get(batcher, 2)
    await vi.advanceTimersByTimeAsync(minuteMs / 2 - 100)
    expect(taken.map(idsOf)).toEqual([[1]])
    await vi.advanceTimersByTimeAsync(200)
    expect(await first).toBe('OUTCOME_UNKNOWN')
    expect(taken.map(idsOf)).toEqual([[1], [2]])
    batcher.take(replyTo(taken[1] ?? [], [{ status: 'ok', record: null }]))
    expect(await second).toBe('ok')
  })

  it('ends each call at its own deadline, sent or not', async () => {
    const batcher = open()
    const ends: [string, number][] = []
    const start = performance.now()
    const call = (timeoutMs: number): void => {
      const running = batcher.run('GET_RECORD', 'leads', { id: 1 }, ({ record }) => record, { timeoutMs })
      void outcomeOf(running).then((outcome) =>
        ends.push([outcome, Math.round((performance.now() - start) / 100) * 100]),
      )
    }
    for (const timeoutMs of [5_000, 1_000, 3_000]) call(timeoutMs)
    await vi.advanceTimersByTimeAsync(2_000)
    batcher.up(connection().connection)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(ends).toEqual([
      ['NOT_CONNECTED', 1_000],
      ['OUTCOME_UNKNOWN', 3_000],
      ['OUTCOME_UNKNOWN', 5_000],
    ])
    expect(vi.getTimerCount()).toBe(0)
  })
})
