// Deaths that are counted, on a clock that the test moves, and what is told of the command that a shard died of.
import { beforeEach, describe, expect, it } from 'vitest'
import { defaultLimits } from '../../src/base/limits.ts'
import { jsonCodec } from '../../src/protocol/codec.ts'
import { progressSlot, progressSlotCount, type RequestBody, type SentAs } from '../../src/protocol/mailbox.ts'
import { messagePackCodec } from '../../src/protocol/message-pack.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { lastCommandOf } from '../../src/router/last-command.ts'
import { Mailbox } from '../../src/router/mailbox.ts'
import { Quarantine } from '../../src/router/quarantine.ts'

const minuteMs = 60_000
let now: number
let logged: [string, object][]
let mailbox: Mailbox
let quarantine: Quarantine
let refused: JsonObject[]

beforeEach(() => {
  now = 5 * minuteMs
  logged = []
  refused = []
  mailbox = new Mailbox({ shard: 1, limits: defaultLimits, schedule: (flush) => flush(), now: () => now })
  const note = (level: string) => (fields: object) => void logged.push([level, fields])
  const log = { info: note('info'), warn: note('warn'), error: note('error') }
  quarantine = new Quarantine({ limits: defaultLimits, log, now: () => now })
})

const lastCommand = { cmd: 'SET_RECORD', state: 'leads', hash: '0123456789abcdef' } as const
const die = () => quarantine.noteDeath(mailbox, { reason: 'hung', error: undefined, lastCommand })

function submit(body: RequestBody, sentAs: SentAs = 'values', routingKey = 'leads', bytes = 0): void {
  const refuse = ({ code, details }: { code: string; details: JsonObject }) => refused.push({ code, ...details })
  mailbox.submit({ sentAs, routingKey, body, bytes, respond: () => {}, refuse })
}

describe('a shard that dies', () => {
  it('is started again twice, and quarantined at the third death within a minute', () => {
    expect(die()).toBeUndefined()
    now += minuteMs / 2
    expect(die()).toBeUndefined()
    expect(mailbox.condition).toBe('recovering')
    expect(quarantine.list()).toEqual([])
    now += minuteMs / 2 - 1
    expect(die()).toBeInstanceOf(Promise)
    expect(mailbox.condition).toBe('quarantined')
    submit({})
    const told = { shard: 1, deaths: 3, reason: 'hung', last_command: lastCommand }
    expect(refused).toEqual([{ code: 'QUARANTINED', ...told }])
    expect(quarantine.list()).toEqual([{ ...told, since: expect.any(Number) }])
    expect(logged.map(([level]) => level)).toEqual(['error', 'error', 'error'])
    expect(logged[2]?.[1]).toMatchObject(told)
  })

  it('is not quarantined for deaths that lie further apart', () => {
    for (let death = 0; death < 10; death += 1) {
      expect(die()).toBeUndefined()
      now += minuteMs / 2
    }
    expect(mailbox.condition).toBe('recovering')
  })

  it('starts with a clean count once it is released', async () => {
    for (let death = 1; death < 3; death += 1) expect(die()).toBeUndefined()
    const released = die()
    expect(quarantine.release(0), 'another shard').toBe(false)
    expect(quarantine.release(1)).toBe(true)
    await released
    expect(mailbox.condition).toBe('recovering')
    expect(quarantine.release(1), 'twice').toBe(false)
    expect(quarantine.list()).toEqual([])
    expect([die(), die()]).toEqual([undefined, undefined])
    expect(die()).toBeInstanceOf(Promise)
  })

  it('is let go when the engine ends', async () => {
    for (let death = 1; death < 3; death += 1) expect(die()).toBeUndefined()
    const released = die()
    quarantine.end()
    await released
    expect(quarantine.list()).toEqual([])
  })
})

describe('what is told of the last command', () => {
  const command = { cmd: 'SET_RECORD', state: 'leads', id: 1, data: { secret: 'hunter2' } }
  const text = JSON.stringify(command)
  const { cmd: _, state: __, ...args } = command
  const packed = messagePackCodec.encodeCommands([{ name: 'SET_RECORD', args }])
  const spread = [
    { routingKey: 'others', name: 'GET_SCHEMA' as const, args: {} },
    { routingKey: 'leads', name: 'SET_RECORD' as const, args },
  ]
  const named = { cmd: 'SET_RECORD', state: 'leads', hash: expect.stringMatching(/^[0-9a-f]{16}$/) }

  function told(entry: number, index = 0): ReturnType<typeof lastCommandOf> {
    const progress = new Int32Array(new SharedArrayBuffer(progressSlotCount * 4))
    progress[progressSlot.entry] = entry
    progress[progressSlot.command] = index
    return lastCommandOf(mailbox, progress)
  }

  beforeEach(() => mailbox.attach({ post: () => {} }))

  it.each<[SentAs, RequestBody]>([
    ['values', command],
    ['json', text],
    ['msgpack', packed],
    ['sliced', { command, rowCount: 0, slices: { text: new Uint8Array(), ends: [] } }],
  ])('is its name, its state and a hash, however it was sent: %s', (sentAs, body) => {
    submit(body, sentAs)
    expect(told(1)).toEqual(named)
    expect(JSON.stringify(told(1))).not.toContain('hunter2')
  })

  it.each<[SentAs, RequestBody]>([
    ['json-spread', Buffer.from(jsonCodec.encodeSpread(spread)).toString()],
    ['msgpack-spread', messagePackCodec.encodeSpread(spread)],
  ])('is on the name that stands before it in a message on several: %s', (sentAs, body) => {
    submit(body, sentAs, 'others')
    expect(told(1, 1)).toEqual({ ...named, hash: expect.any(String) })
    expect(told(1, 0)).toMatchObject({ cmd: 'GET_SCHEMA', state: 'others' })
    expect(told(1, 2), 'there is no such command').toMatchObject({ cmd: null, state: null })
  })

  it('is the one of its message that the shard was at, with the same hash each time', () => {
    submit(
      JSON.stringify([
        { cmd: 'GET_SCHEMA', state: 'leads' },
        { ...command, request_id: 7 },
      ]),
      'json',
    )
    submit({ ...command, data: { secret: 'hunter3' } })
    submit(command)
    expect(told(1, 0)).toMatchObject({ cmd: 'GET_SCHEMA' })
    expect(told(1, 1)).toEqual(told(3))
    expect(told(2)?.hash).not.toBe(told(3)?.hash)
  })

  it('has no state where the command is for all of them', () => {
    submit({ cmd: 'LIST_STATES' }, 'marker', '')
    expect(told(1)).toMatchObject({ cmd: 'LIST_STATES', state: null })
  })

  it('has no name where the body is too long to be read, or is no command', () => {
    submit(text, 'json', 'leads', 2 ** 20 + 1)
    submit('[', 'json')
    submit(Buffer.from([0xc1]), 'msgpack')
    for (const entry of [1, 2, 3]) expect(told(entry)).toEqual({ ...named, cmd: null })
  })

  it('is nothing where nobody had asked, or the answer had left', () => {
    submit(text, 'json')
    expect(told(0)).toBeUndefined()
    mailbox.settle([[1, {}]])
    expect(told(1)).toBeUndefined()
  })
})
