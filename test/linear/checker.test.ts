// The checker of histories itself: it finds what is wrong in histories that are known to be, lets pass what has an order,
// and says the same as the simplest checker that there could be.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Model } from '../support/model.ts'
import { type Call, type Sequential, search } from './checker.ts'
import { judge } from './judge.ts'
import * as sequential from './sequential.ts'

/** The reply to the last of these commands, had they and nothing else run. */
function told(...commands: readonly JsonObject[]): JsonObject {
  const model = new Model()
  return commands.map((command) => model.call(command)).at(-1) as JsonObject
}

/** A call from one moment to another; from one on, where nobody knows what became of it. */
function call(client: string, when: string, command: JsonObject, reply?: JsonObject): Call {
  const [invokedAt = 0, answeredAt = Number.POSITIVE_INFINITY] = when.split('-').filter(Boolean).map(Number)
  return { client, command, reply, invokedAt, answeredAt }
}

const onKey = (cmd: string, more: JsonObject = {}): JsonObject => ({ cmd, state: 's', key: 'k', ...more })
const get = onKey('GET_KEY')
const set1 = onKey('SET_KEY', { value: 1 })
const set2 = onKey('SET_KEY', { value: 2 })
const set3 = onKey('SET_KEY', { value: 3 })
const increment = onKey('INCREMENT_KEY')
const swap1 = onKey('COMPARE_AND_SET', { version: 0, value: 1 })
const swap2 = onKey('COMPARE_AND_SET', { version: 0, value: 2 })
const push = onKey('PUSH_LIST', { item: 'x' })
const pop = onKey('POP_LIST')
const create: JsonObject = { cmd: 'CREATE_STATE', state: 't' }
const rows = (tag: number): JsonObject => ({ cmd: 'SET_STATE', state: 't', data: [{ tag }, { tag }] })
const record = (id: number): JsonObject => ({ cmd: 'GET_RECORD', state: 't', id })
const machine: JsonObject = {
  cmd: 'CREATE_STATE',
  state: 'm',
  kind: 'machine',
  definition: { initial: 'open', states: { open: { on: { GO: 'shut' } }, shut: {} } },
}
const instance: JsonObject = { cmd: 'CREATE_INSTANCE', state: 'm' }
const go: JsonObject = { cmd: 'SEND_EVENT', state: 'm', id: 1, event: 'GO' }
const both: JsonObject = {
  cmd: 'TRANSACTION',
  ops: [
    { cmd: 'INCREMENT_KEY', state: 'left', key: 'k' },
    { cmd: 'INCREMENT_KEY', state: 'right', key: 'k' },
  ],
}
const left: JsonObject = { cmd: 'GET_KEY', state: 'left', key: 'k' }
const right: JsonObject = { cmd: 'GET_KEY', state: 'right', key: 'k' }

describe('a history of states', () => {
  it.each<[string, Call[]]>([
    [
      'a stale read',
      [
        call('a', '1-2', set1, told(set1)),
        call('a', '3-4', set2, told(set1, set2)),
        call('b', '5-6', get, told(set1, get)),
      ],
    ],
    ['a lost update', [call('a', '1-3', increment, told(increment)), call('b', '2-4', increment, told(increment))]],
    ['two winners of one version', [call('a', '1-3', swap1, told(swap1)), call('b', '2-4', swap2, told(swap2))]],
    ['a version that two writes have', [call('a', '1-3', set1, told(set1)), call('b', '2-4', set2, told(set2))]],
    [
      'a version that is skipped',
      [call('a', '1-2', set1, told(set2, set1)), call('b', '3-4', get, told(set2, set1, get))],
    ],
    [
      'a read that goes back in time',
      [call('a', '1-9', set1, told(set1)), call('b', '2-3', get, told(set1, get)), call('c', '4-5', get, told(get))],
    ],
    [
      'an increment that a retry ran twice',
      [call('a', '1-4', increment, told(increment)), call('b', '5-6', get, told(increment, increment, get))],
    ],
    [
      'an increment that ran twice, and was never answered',
      [call('a', '1-', increment), call('b', '5-6', get, told(increment, increment, get))],
    ],
    [
      'a write that is not there, though it was answered',
      [call('a', '1-2', set1, told(set1)), call('b', '3-4', get, told(get))],
    ],
    ['a value that nobody wrote', [call('a', '1-2', get, told(set1, get))]],
    [
      'a write without an answer that is seen, and then not',
      [call('a', '1-', set1), call('b', '2-3', get, told(set1, get)), call('b', '4-5', get, told(get))],
    ],
    ['a write that is seen before it was asked for', [call('b', '1-2', get, told(set1, get)), call('a', '3-', set1)]],
    [
      'a SET_STATE of which half is seen',
      [
        call('a', '1-2', create, told(create)),
        call('a', '3-4', rows(1), told(create, rows(1))),
        call('a', '5-20', rows(2), told(create, rows(1), rows(2))),
        call('b', '6-7', record(1), told(create, rows(1), rows(2), record(1))),
        call('b', '8-9', record(2), told(create, rows(1), record(2))),
      ],
    ],
    [
      'a SET_STATE that drops a record made before it',
      [
        call('a', '1-2', create, told(create)),
        call('a', '3-4', rows(1), told(create, rows(1))),
        call('b', '5-6', record(1), told(create, record(1))),
      ],
    ],
    [
      'an item that two have popped',
      [
        call('a', '1-2', push, told(push)),
        call('b', '3-5', pop, told(push, pop)),
        call('c', '4-6', pop, told(push, pop)),
      ],
    ],
    [
      'an item that was pushed, and is not there',
      [call('a', '1-2', push, told(push)), call('b', '3-4', pop, told(pop))],
    ],
    [
      'an event that two have sent with success',
      [
        call('a', '1-2', machine, told(machine)),
        call('a', '3-4', instance, told(machine, instance)),
        call('a', '5-7', go, told(machine, instance, go)),
        call('b', '6-8', go, told(machine, instance, go)),
      ],
    ],
    [
      'a transaction of which half is seen',
      [
        call('a', '1-9', both, told(both)),
        call('b', '2-3', left, told(both, left)),
        call('b', '4-5', right, told(right)),
      ],
    ],
  ])('is refused for %s', (_what, calls) => {
    expect(judge(sequential.states, calls).outcome).toBe('violation')
  })

  it.each<[string, Call[]]>([
    ['nothing', []],
    [
      'reads that see a write, and do not, while it runs',
      [call('a', '1-9', set1, told(set1)), call('b', '2-7', get, told(set1, get)), call('c', '3-8', get, told(get))],
    ],
    [
      'three writes in another order than they were asked for',
      [
        call('a', '1-9', set1, told(set3, set2, set1)),
        call('b', '2-8', set2, told(set3, set2)),
        call('c', '3-7', set3, told(set3)),
      ],
    ],
    [
      'a write that nobody heard of, and nobody saw',
      [call('a', '1-', set1), call('b', '2-3', get, told(get)), call('b', '4-5', set2, told(set2))],
    ],
    [
      'a write without an answer that comes to be much later',
      [
        call('a', '1-', set1),
        call('b', '2-3', get, told(get)),
        call('b', '4-5', set2, told(set2)),
        call('b', '6-7', get, told(set2, set1, get)),
      ],
    ],
    [
      'a winner and a loser of one version',
      [call('a', '1-3', swap1, told(swap2, swap1)), call('b', '2-4', swap2, told(swap2))],
    ],
    [
      'a pop that waits for what is pushed later',
      [call('b', '1-4', pop, told(push, pop)), call('a', '2-3', push, told(push))],
    ],
    [
      'reads on both sides of a SET_STATE that runs',
      [
        call('a', '1-2', create, told(create)),
        call('a', '3-20', rows(2), told(create, rows(2))),
        call('b', '4-5', record(1), told(create, record(1))),
        call('b', '6-7', record(2), told(create, rows(2), record(2))),
      ],
    ],
    [
      'a transaction that is seen in both of its states',
      [
        call('a', '1-9', both, told(both)),
        call('b', '2-3', left, told(left)),
        call('b', '4-5', right, told(both, right)),
        call('b', '6-7', left, told(both, left)),
      ],
    ],
  ])('is explained with %s', (_what, calls) => {
    expect(judge(sequential.states, calls).outcome).toBe('ok')
  })
})

const take = (owner: string): JsonObject => ({ cmd: 'TRY_LOCK', lock: 'l', ttl: 60, owner })
const granted = (owner: string, token: number): JsonObject => ({ status: 'ok', acquired: true, owner, token })
const taken: JsonObject = { status: 'ok', acquired: false, owner: null, token: null }
const give = (owner: string): JsonObject => ({ cmd: 'UNLOCK', lock: 'l', owner })
const given: JsonObject = { status: 'ok', released: true }
const look: JsonObject = { cmd: 'GET_LOCK', lock: 'l' }
const looked = (owner: string | null, token: number | null): JsonObject => ({ held: owner !== null, owner, token })

describe('a history of a lock', () => {
  it.each<[string, Call[]]>([
    ['two owners', [call('a', '1-3', take('a'), granted('a', 1)), call('b', '2-4', take('b'), granted('b', 2))]],
    [
      'a token below one before it',
      [
        call('a', '1-2', take('a'), granted('a', 5)),
        call('a', '3-4', give('a'), given),
        call('b', '5-6', take('b'), granted('b', 4)),
      ],
    ],
    ['a lock that nobody has, and that is not to be had', [call('a', '1-2', take('a'), taken)]],
    [
      'an owner who lost what it has not given back',
      [call('a', '1-2', take('a'), granted('a', 1)), call('b', '3-4', look, looked(null, 1))],
    ],
    [
      'one that is given back twice',
      [
        call('a', '1-2', take('a'), granted('a', 1)),
        call('a', '3-5', give('a'), given),
        call('a', '4-6', give('a'), given),
      ],
    ],
    [
      'a grant without an answer whose token changes',
      [call('a', '1-', take('a')), call('b', '2-3', look, looked('a', 7)), call('b', '4-5', look, looked('a', 8))],
    ],
  ])('is refused for %s', (_what, calls) => {
    expect(judge(sequential.lock, calls).outcome).toBe('violation')
  })

  it('is explained where it goes from hand to hand, also from one who was never answered', () => {
    const calls = [
      call('a', '1-', take('a')),
      call('b', '2-3', take('b'), taken),
      call('b', '4-5', look, looked('a', 7)),
      call('a', '6-9', give('a'), given),
      call('b', '7-8', take('b'), granted('b', 9)),
      call('c', '10-', give('b')),
      call('c', '11-12', take('c'), granted('c', 1_001)),
      call('d', '13-14', look, looked('c', 1_001)),
    ]
    expect(judge(sequential.lock, calls).outcome).toBe('ok')
  })
})

describe('the explanation of a history that has no order', () => {
  it('names the first answer too many, what it could have been, and only the calls that it takes', () => {
    const calls = [
      call('c', '1-2', get, told(get)),
      call('a', '3-4', set1, told(set1)),
      call('c', '5-6', get, told(set1, get)),
      call('a', '7-8', set2, told(set1, set2)),
      call('b', '9-10', get, told(set1, get)),
      call('b', '11-12', get, told(set1, get)),
      call('a', '13-14', set3, told(set1, set2, set3)),
    ]
    const verdict = judge(sequential.states, calls)
    const explanation = 'explanation' in verdict ? verdict.explanation.split('\n') : []
    expect(explanation[0]).toMatch(/^no order explains this answer: \[9-10\] b: GET_KEY .*"value":1/)
    expect(explanation[2]).toContain('"value":2')
    expect(explanation.slice(4).map((line) => line.trim().split(' ')[0])).toEqual(['[3-4]', '[7-8]', '[9-10]'])
  })

  it('is left open where the search takes too long', () => {
    const calls = [call('a', '1-2', set1, told(set1)), call('b', '3-4', get, told(set1, get))]
    expect(judge(sequential.states, calls, { stepsMax: 1 })).toEqual({ outcome: 'undecided', steps: 2 })
  })
})

/** A number that is read, written and added to. */
const register: Sequential<number> = {
  initial: 0,
  keyOf: String,
  isRead: ({ read }) => read === true,
  isTooLate: () => false,
  answerIn: String,
  step(value, { write, add }, reply) {
    const after = typeof write === 'number' ? write : value + Number(add ?? 0)
    return reply === undefined || reply.value === after ? after : undefined
  },
}

/** Tries every order of all that was answered and any of the rest. */
function hasOrder<State>(sequential: Sequential<State>, calls: readonly Call[], state = sequential.initial): boolean {
  const answered = calls.filter(({ reply }) => reply !== undefined)
  if (answered.length === 0) return true
  const end = Math.min(...answered.map(({ answeredAt }) => answeredAt))
  return calls.some((each) => {
    if (each.invokedAt > end) return false
    const after = sequential.step(state, each.command, each.reply)
    const rest = calls.filter((other) => other !== each)
    return after !== undefined && hasOrder(sequential, rest, after)
  })
}

/** Where a call took effect, how long before that it was asked for and how long after it answered, and what went wrong. */
interface Happening {
  readonly command: JsonObject
  readonly at: number
  readonly before: number
  readonly after: number
  readonly fate: 'well' | 'unknown' | 'wrong'
}

function happenings(command: fc.Arbitrary<JsonObject>): fc.Arbitrary<Happening[]> {
  const fate = fc.constantFrom<Happening['fate']>('well', 'well', 'well', 'well', 'unknown', 'wrong')
  const happening = fc.record({ command, at: fc.nat(30), before: fc.nat(8), after: fc.nat(8), fate })
  return fc.array(happening, { maxLength: 7 })
}

/** What is wrong is answered as if the call before had not run. */
function historyOf<State>(sequential: Sequential<State>, all: readonly Happening[], answer: Answer<State>): Call[] {
  let [earlier, state] = [sequential.initial, sequential.initial]
  return [...all]
    .sort((a, b) => a.at - b.at)
    .map(({ command, at, before, after, fate }, index) => {
      const reply = fate === 'unknown' ? undefined : answer(fate === 'wrong' ? earlier : state, command)
      ;[earlier, state] = [state, sequential.step(state, command, undefined) as State]
      const answeredAt = reply === undefined ? Number.POSITIVE_INFINITY : at + after
      return { client: String(index), command, reply, invokedAt: at - before, answeredAt }
    })
}

type Answer<State> = (state: State, command: JsonObject) => JsonObject

/** Looks for an order in both ways; returns how often there was one, and how often not. */
function compareBoth<State>(
  sequential: Sequential<State>,
  command: fc.Arbitrary<JsonObject>,
  answer: Answer<State>,
): Record<string, number> {
  const seen = { ok: 0, violation: 0, undecided: 0 }
  fc.assert(
    fc.property(happenings(command), (all) => {
      const calls = historyOf(sequential, all, answer)
      const { outcome } = search(sequential, calls)
      seen[outcome] += 1
      expect(outcome).toBe(hasOrder(sequential, calls) ? 'ok' : 'violation')
    }),
    { numRuns: 700, seed: 2 },
  )
  return seen
}

describe('the checker and one that tries every order say the same of random histories', () => {
  it('of a number, whose values come again', () => {
    const command = fc.oneof(
      fc.constant<JsonObject>({ read: true }),
      fc.record<JsonObject>({ write: fc.integer({ min: 0, max: 2 }) }),
      fc.record<JsonObject>({ add: fc.constantFrom(1, 1, 2) }),
    )
    const seen = compareBoth(register, command, (value, each) => ({
      value: register.step(value, each, undefined) as number,
    }))
    expect(Math.min(seen.ok ?? 0, seen.violation ?? 0)).toBeGreaterThan(20)
  })

  it('of a key, whose versions only rise', () => {
    const command = fc.constantFrom(get, get, set1, set2, increment, swap1, swap2, onKey('DELETE_KEY'))
    const seen = compareBoth(sequential.states, command, (model, each) => model.copy().call(each))
    expect(Math.min(seen.ok ?? 0, seen.violation ?? 0)).toBeGreaterThan(20)
  })
})
