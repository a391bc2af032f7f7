// The feed as a bare subscriber meets it: topics and bodies, positions, who pays for what, and what becomes of those that do
// not read or send what is no subscription.
import { describe, expect, it, onTestFinished } from 'vitest'
import { Dealer, Subscriber, XSubscriber } from 'zeromq'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { type Server, type ServerOptions, serve } from '../support/sockets.ts'

interface Feed extends Server {
  readonly place: string
  readonly ok: (command: JsonObject) => Promise<JsonObject>
}

async function serveFeed(options: ServerOptions = {}): Promise<Feed> {
  const server = await serve({ feed: true, ...options })
  const ok = async (command: JsonObject): Promise<JsonObject> => {
    const reply = await server.engine.call(command)
    expect(reply, JSON.stringify(reply)).toMatchObject({ status: 'ok' })
    return reply
  }
  return { ...server, place: server.engine.router.feedEndpoint ?? '', ok }
}

interface Heard {
  readonly socket: Subscriber
  readonly messages: JsonObject[]
  /** The versions that were told, in their order. */
  versions(state: string): number[]
}

/** A subscriber that reads whatever comes. */
function subscriber(place: string, ...topics: string[]): Heard {
  const socket = new Subscriber({ linger: 0, receiveHighWaterMark: 0 })
  onTestFinished(() => socket.close())
  socket.connect(place)
  socket.subscribe(...topics)
  const messages: JsonObject[] = []
  const read = async (): Promise<void> => {
    for await (const [topic, body] of socket) {
      const message = JSON.parse(String(body)) as JsonObject
      expect(String(topic)).toBe(`${message.state as string}\0`)
      messages.push(message)
    }
  }
  void read().catch(() => {})
  const versions = (state: string): number[] =>
    messages
      .filter((message) => message.state === state)
      .flatMap(({ changes }) => (changes as JsonObject[] | undefined) ?? [])
      .map(({ version }) => version as number)
  return { socket, messages, versions }
}

const set = (state: string, key = 'k', value = 1): JsonObject => ({ cmd: 'SET_KEY', state, key, value })

describe.each([{ shards: 0 }, { shards: 2 }])('the feed with $shards threads', ({ shards }) => {
  it('says where a state stands once it is subscribed to, and then what each commit has changed', async () => {
    const { place, ok, engine } = await serveFeed({ shards })
    const { instance, feed } = await ok({ cmd: 'HELLO' })
    expect(feed).toBe(place)
    await ok(set('a'))
    const heard = subscriber(place, 'a\0', 'none\0')
    await eventually('both positions', () => heard.messages.length >= 2)
    expect(heard.messages).toContainEqual({ instance, state: 'a', position: 1 })
    expect(heard.messages).toContainEqual({ instance, state: 'none', position: -1 })
    await Promise.all([ok(set('a', 'x')), ok(set('a', 'y')), ok(set('b'))])
    await eventually('the changes', () => heard.versions('a').length === 2)
    const { changes } = await ok({ cmd: 'GET_CHANGES', state: 'a', since: 1 })
    const told = heard.messages.filter((message) => message.changes !== undefined)
    expect(told.flatMap((message) => message.changes)).toEqual(changes)
    expect(told.at(-1)).toMatchObject({ instance, state: 'a', last: 3 })
    expect(engine.feed.statistics()).toMatchObject({ watchedStates: 2, refused: 0 })
  })

  it('goes on after the death of a shard', async () => {
    const { place, ok, engine } = await serveFeed({ shards, faultsEnabled: true })
    await ok(set('a'))
    const heard = subscriber(place, 'a\0')
    await eventually('a position', () => heard.messages.length > 0)
    const { instance } = await ok({ cmd: 'HELLO' })
    await Promise.all(engine.mailboxes.map(async ({ shard }) => engine.injectFault(shard, 'throw')))
    await engine.call(set('a'))
    // Without threads every shard is the one that has died.
    if (shards > 0) await engine.call({ cmd: 'LIST_STATES' })
    await eventually('the shard is back', async () => (await engine.call(set('a'))).status === 'ok')
    await eventually('it tells', () => heard.messages.some((message) => message.instance !== instance))
  })
})

describe('the feed', () => {
  it('tells nothing of a state that nobody watches, or watches no more', async () => {
    const { place, ok, engine } = await serveFeed()
    const heard = subscriber(place, 'a\0')
    await eventually('a position', () => heard.messages.length > 0)
    await ok(set('b'))
    heard.socket.unsubscribe('a\0')
    await eventually('nothing is watched', () => engine.feed.statistics().watchedStates === 0)
    const { messages } = engine.feed.statistics()
    for (let n = 0; n < 10; n += 1) await ok(set('a'))
    expect(engine.feed.statistics().messages).toBe(messages)
  })

  it('repeats the position every second, so that the loss of a last message shows', async () => {
    const { place, ok } = await serveFeed()
    await ok(set('a'))
    const heard = subscriber(place, 'a\0')
    await eventually('two positions', () => heard.messages.filter(({ position }) => position === 1).length >= 2)
  })

  it('repeats the positions of many states a few at a time, and leaves none out', async () => {
    const { place } = await serveFeed()
    const states = Array.from({ length: 350 }, (_, index) => `s${index}`)
    const { messages } = subscriber(place, ...states.map((state) => `${state}\0`))
    const told = new Map<string, number>()
    await eventually('each is said when it is watched, and twice more', () => {
      for (const { state } of messages.splice(0)) told.set(state as string, (told.get(state as string) ?? 0) + 1)
      return states.every((state) => (told.get(state) ?? 0) >= 3)
    })
  })

  it('says the position to each who subscribes, also to states that others watch', async () => {
    const { place, ok } = await serveFeed()
    await ok(set('a'))
    const first = subscriber(place, 'a\0')
    await eventually('a position', () => first.messages.length > 0)
    const second = subscriber(place, 'a\0')
    await eventually('another one', () => second.messages.length > 0, 900)
  })

  it('activates every subscription of a burst', async () => {
    const { place, engine } = await serveFeed()
    const heard = subscriber(place, ...Array.from({ length: 500 }, (_, n) => `state ${n}\0`))
    await eventually('all are watched', () => engine.feed.statistics().watchedStates === 500)
    const states = (): number => new Set(heard.messages.map(({ state }) => state)).size
    await eventually('all are told of', () => states() === 500)
  })
})

describe('a subscriber', () => {
  it('that does not read costs nobody else anything, and is told of what it has missed', async () => {
    const { place, ok } = await serveFeed({ feed: 1 })
    const stopped = new Subscriber({ linger: 0, receiveHighWaterMark: 1 })
    onTestFinished(() => stopped.close())
    stopped.connect(place)
    stopped.subscribe('a\0')
    const reading = subscriber(place, 'a\0')
    await eventually('a position', () => reading.messages.length > 0)
    await ok({ cmd: 'SET_KEY', state: 'a', key: 'first', value: 0 })
    for (let n = 1; n < 1_000; n += 1) await ok({ cmd: 'SET_KEY', state: 'a', key: 'k', value: 'x'.repeat(5_000) })
    const told: number[] = []
    for await (const [, body] of stopped) {
      const { last, position, changes = [] } = JSON.parse(String(body)) as JsonObject
      told.push(...(changes as JsonObject[]).map(({ version }) => version as number))
      if (last === 1_000 || position === 1_000) break
    }
    expect(told.length).toBeLessThan(1_000)
    expect(told).toEqual(told.toSorted((a, b) => a - b))
  })

  it('hears of a commit that is too long for a message by its position', async () => {
    const { place, ok } = await serveFeed()
    const heard = subscriber(place, 'a\0')
    await eventually('a position', () => heard.messages.length > 0)
    await ok({ cmd: 'SET_KEY', state: 'a', key: 'k', value: 'x'.repeat(300_000) })
    await eventually('the position', () => heard.messages.some(({ position }) => position === 1))
    expect(heard.versions('a')).toEqual([])
    await ok(set('a', 'other'))
    await eventually('the next change', () => heard.versions('a').length === 1)
  })

  it('is not told of more states than may be watched', async () => {
    const { place, engine } = await serveFeed({ limits: { watchedStatesMax: 3 } })
    subscriber(place, ...['a', 'b', 'c', 'd', 'e'].map((state) => `${state}\0`))
    await eventually('two are refused', () => engine.feed.statistics().refused === 2)
    expect(engine.feed.statistics()).toMatchObject({ watchedStates: 3 })
  })

  it.each<[string, Buffer]>([
    ['no topic', Buffer.from([1])],
    ['no end of a name', Buffer.from('\u0001leads')],
    ['an empty name', Buffer.from('\u0001\0')],
    ['a name with a control character', Buffer.from('\u0001a\u0007\0')],
    ['a name that is not UTF-8', Buffer.from([1, 0xff, 0xfe, 0])],
    ['a name that is too long', Buffer.from(`\u0001${'x'.repeat(300)}\0`)],
    ['another message', Buffer.from('\u0007leads\0')],
    ['a message of a megabyte', Buffer.alloc(1_000_000, 1)],
    ['nothing', Buffer.alloc(0)],
  ])('that sends %s is not heard, and the others are', async (_what, bytes) => {
    const { place, ok, engine } = await serveFeed()
    const strange = new XSubscriber({ linger: 0 })
    onTestFinished(() => strange.close())
    strange.connect(place)
    await strange.send(bytes)
    const heard = subscriber(place, 'a\0')
    await eventually('a position', () => heard.messages.length > 0)
    await ok(set('a'))
    await eventually('a change', () => heard.versions('a').length > 0)
    expect(engine.feed.statistics().watchedStates).toBe(1)
  })

  it('that is no subscriber at all is not heard either', async () => {
    const { place } = await serveFeed()
    const strange = new Dealer({ linger: 0 })
    onTestFinished(() => strange.close())
    strange.connect(place)
    const sending = strange.send('\u0001a\0').catch(() => {})
    const heard = subscriber(place, 'a\0')
    await eventually('a position', () => heard.messages.length > 0)
    strange.close()
    await sending
  })
})
