// Which definitions of machines are refused, with which code, and where they say the problem is. What must not hang is
// held against a deadline.
import { describe, expect, it } from 'vitest'
import { eventProblem, readMachine } from '../../src/protocol/machine-definition.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { compileMachine } from '../../src/state/machine.ts'

function problemOf(definition: JsonValue): string {
  const result = readMachine(definition)
  return 'code' in result ? `${result.code} ${result.path}` : 'no problem'
}

/** A machine of two states, the first with these parts. */
function withState(parts: JsonObject, more: JsonObject = {}): JsonObject {
  return { initial: 'a', states: { a: parts, b: {} }, ...more }
}

describe('a well-formed definition is accepted:', () => {
  it.each<[string, JsonObject]>([
    ['a flat machine', { initial: 'a', states: { a: { on: { GO: 'b' } }, b: { type: 'final' } } }],
    ['one transition in an array', withState({ on: { GO: [{ target: 'b' }] } })],
    ['a blocked event', withState({ on: { GO: {} } })],
    ['only actions', withState({ on: { GO: { actions: 'ring' } }, entry: ['ring', 'log'], exit: 'log' })],
    [
      'remarks',
      withState({ description: 'x', meta: { a: [1] }, tags: ['x'] }, { version: '1', id: 'm', description: 'y' }),
    ],
    ['remarks on a transition', withState({ on: { GO: { target: 'b', description: 'x', meta: {} } } })],
    ['wildcards', withState({ on: { '*': 'b', 'job.*': 'b', 'job.done': 'b' } })],
    ['timers', withState({ after: { 1: 'b', 3162240000000: 'b' } })],
    ['an empty object of states', withState({ type: 'atomic', states: {} })],
    [
      'names of inherited fields',
      { initial: 'constructor', states: { constructor: { on: { toString: 'valueOf' } }, valueOf: {} } },
    ],
    [
      'targets by id',
      {
        id: 'm',
        initial: 'a',
        states: { a: { id: 'x', on: { A: '#x', B: '#m.b.c', C: '#m' } }, b: { initial: 'c', states: { c: {} } } },
      },
    ],
    [
      'targets below',
      { initial: 'a', on: { A: '.a', B: '.a.c' }, states: { a: { initial: 'c', states: { c: {} }, on: { X: '.c' } } } },
    ],
    [
      'targets in two regions',
      {
        type: 'parallel',
        on: { A: { target: ['.a.d', '.b.d'] } },
        states: { a: { initial: 'c', states: { c: {}, d: {} } }, b: { initial: 'c', states: { c: {}, d: {} } } },
      },
    ],
    [
      'history',
      {
        initial: 'a',
        states: {
          a: {
            initial: 'c',
            states: { c: {}, h: { type: 'history', history: 'deep', target: 'c' }, i: { history: true } },
          },
        },
      },
    ],
    [
      'completion that rests',
      { initial: 'a', states: { a: { initial: 'c', states: { c: { type: 'final' } }, onDone: 'b' }, b: {} } },
    ],
    [
      'a wildcard above a completion',
      {
        initial: 'a',
        on: { '*': '.a' },
        states: { a: { initial: 'c', states: { c: { type: 'final' } }, onDone: 'b' }, b: {} },
      },
    ],
  ])('%s', (_what, definition) => {
    expect(problemOf(definition)).toBe('no problem')
    expect(compileMachine(definition)).not.toHaveProperty('code')
  })
})

describe('what XState has and machines do not is unsupported:', () => {
  it.each<[string, JsonObject, string]>([
    ['eventless transitions', { always: 'b' }, '/states/a/always'],
    ['invoked actors', { invoke: { src: 'fetch' } }, '/states/a/invoke'],
    ['guards', { on: { GO: { target: 'b', guard: 'isOpen' } } }, '/states/a/on/GO/guard'],
    ['guards in the fourth version', { on: { GO: [{ target: 'b', cond: 'isOpen' }] } }, '/states/a/on/GO/0/cond'],
    ['guards on timers', { after: { 10: { target: 'b', guard: 'isOpen' } } }, '/states/a/after/10/guard'],
    ['actions with parameters', { entry: { type: 'log', params: {} } }, '/states/a/entry'],
    [
      'actions with parameters in an array',
      { on: { GO: { actions: ['x', { type: 'log' }] } } },
      '/states/a/on/GO/actions',
    ],
    ['output', { type: 'final', output: 1 }, '/states/a/output'],
    ['routes', { route: {} }, '/states/a/route'],
    ['an initial state with actions', { initial: { target: 'c' }, states: { c: {} } }, '/states/a/initial'],
  ])('%s', (_what, parts, path) => {
    expect(problemOf(withState(parts))).toBe(`UNSUPPORTED ${path}`)
  })

  it.each(['context', 'types', 'schemas', 'guards', 'delays', 'predictableActionArguments', 'strict', 'always'])(
    'at the root: %s',
    (key) => {
      expect(problemOf(withState({}, { [key]: {} }))).toBe(`UNSUPPORTED /${key}`)
    },
  )
})

describe('an ill-formed definition is refused with the path of its fault:', () => {
  it.each<[string, JsonValue, string]>([
    ['no object', [], ''],
    ['a text', 'machine', ''],
    ['null', null, ''],
    ['nothing', {}, '/states'],
    ['no states', { initial: 'a' }, '/states'],
    ['an empty object of states', { initial: 'a', states: {} }, '/states'],
    ['states in an array', { initial: 'a', states: [{}] }, '/states'],
    ['a state that is no object', { initial: 'a', states: { a: 'b' } }, '/states/a'],
    ['no initial state', { states: { a: {} } }, '/initial'],
    ['an initial state that is not there', { initial: 'x', states: { a: {} } }, '/initial'],
    ['an initial state by an inherited name', { initial: 'toString', states: { a: {} } }, '/initial'],
    ['an initial history', withState({ initial: 'h', states: { h: { type: 'history' }, c: {} } }), '/states/a/initial'],
    ['only history inside', withState({ initial: 'h', states: { h: { type: 'history' } } }), '/states/a/states'],
    ['a final machine', { type: 'final' }, '/type'],
    ['a machine of history', { type: 'history' }, '/type'],
    ['an unknown type', withState({ type: 'compund' }), '/states/a/type'],
    ['a parallel state without regions', withState({ type: 'parallel' }), '/states/a/states'],
    ['a parallel state with an initial one', { type: 'parallel', initial: 'a', states: { a: {} } }, '/initial'],
    ['an initial state without states', withState({ initial: 'b' }), '/states/a/initial'],
    [
      'an atomic state with states',
      withState({ type: 'atomic', initial: 'c', states: { c: {} } }),
      '/states/a/initial',
    ],
    ['a final state with events', withState({ type: 'final', on: { GO: 'b' } }), '/states/a/on'],
    ['a final state with a timer', withState({ type: 'final', after: { 10: 'b' } }), '/states/a/after'],
    ['completion of a plain state', withState({ onDone: 'b' }), '/states/a/onDone'],
    ['completion of the machine', { ...withState({}), onDone: '.a' }, '/onDone'],
    ['a target on a plain state', withState({ target: 'b' }), '/states/a/target'],
    [
      'history of an unknown sort',
      withState({ initial: 'c', states: { c: {}, h: { history: 'dep' } } }),
      '/states/a/states/h/history',
    ],
    ['history of the machine', { initial: 'a', states: { a: {}, h: { type: 'history' } } }, '/states/h'],
    [
      'history of a parallel state without a target',
      withState({ type: 'parallel', states: { c: {}, h: { type: 'history' } } }),
      '/states/a/states/h',
    ],
    [
      'history that leads out',
      withState({ initial: 'c', states: { c: {}, h: { type: 'history', target: '#(machine).b' } } }),
      '/states/a/states/h/target',
    ],
    [
      'history that leads to history',
      withState({
        initial: 'c',
        states: { c: {}, h: { type: 'history', target: 'i' }, i: { type: 'history', target: 'h' } },
      }),
      '/states/a/states/h/target',
    ],
    [
      'history with an object as target',
      withState({ initial: 'c', states: { c: {}, h: { type: 'history', target: { target: 'c' } } } }),
      '/states/a/states/h/target',
    ],
    [
      'history with events',
      withState({ initial: 'c', states: { c: {}, h: { type: 'history', on: {} } } }),
      '/states/a/states/h/on',
    ],
    ['a misspelt key', withState({ onn: { GO: 'b' } }), '/states/a/onn'],
    ['a misspelt key of the root', withState({}, { intial: 'a' }), '/intial'],
    ['a misspelt key of a transition', withState({ on: { GO: { tagret: 'b' } } }), '/states/a/on/GO/tagret'],
    ['events in an array', withState({ on: ['GO'] }), '/states/a/on'],
    ['a transition that is null', withState({ on: { GO: null } }), '/states/a/on/GO'],
    ['a transition that is a number', withState({ on: { GO: 1 } }), '/states/a/on/GO'],
    ['no transition at all', withState({ on: { GO: [] } }), '/states/a/on/GO'],
    ['two transitions and no guard', withState({ on: { GO: ['a', 'b'] } }), '/states/a/on/GO'],
    ['an empty target', withState({ on: { GO: '' } }), '/states/a/on/GO'],
    ['an empty target in an object', withState({ on: { GO: { target: '' } } }), '/states/a/on/GO/target'],
    ['no target in an array', withState({ on: { GO: { target: [] } } }), '/states/a/on/GO/target'],
    ['a target that is not there', withState({ on: { GO: 'x' } }), '/states/a/on/GO'],
    ['a target by an inherited name', withState({ on: { GO: 'constructor' } }), '/states/a/on/GO'],
    ['an id that is not there', withState({ on: { GO: '#x' } }), '/states/a/on/GO'],
    ['a path that ends early', withState({ on: { GO: 'b.' } }), '/states/a/on/GO'],
    [
      'a path with a gap',
      { initial: 'a', states: { a: { on: { GO: 'b..c' } }, b: { initial: 'c', states: { c: {} } } } },
      '/states/a/on/GO',
    ],
    ['a lone dot', withState({ on: { GO: '.' } }), '/states/a/on/GO'],
    ['a plain target at the root', withState({}, { on: { GO: 'b' } }), '/on/GO'],
    ['two targets that exclude each other', withState({ on: { GO: { target: ['a', 'b'] } } }), '/states/a/on/GO'],
    [
      'a target and one inside it',
      { initial: 'a', states: { a: { initial: 'c', states: { c: {} }, on: { GO: { target: ['a', 'a.c'] } } } } },
      '/states/a/on/GO',
    ],
    ['a reentry that is no boolean', withState({ on: { GO: { target: 'b', reenter: 1 } } }), '/states/a/on/GO/reenter'],
    ['a delay of zero', withState({ after: { 0: 'b' } }), '/states/a/after/0'],
    ['a delay with a fraction', withState({ after: { '1.5': 'b' } }), '/states/a/after/1.5'],
    ['a delay in another notation', withState({ after: { '1e3': 'b' } }), '/states/a/after/1e3'],
    ['a delay with a sign', withState({ after: { '-1': 'b' } }), '/states/a/after/-1'],
    ['a delay with a name', withState({ after: { timeout: 'b' } }), '/states/a/after/timeout'],
    ['a delay beyond a century', withState({ after: { 3162240000001: 'b' } }), '/states/a/after/3162240000001'],
    ['an id that is taken', withState({ id: '(machine)' }), '/states/a/id'],
    ['one id for two states', { initial: 'a', states: { a: { id: 'x' }, b: { id: 'x' } } }, '/states/b/id'],
    ['an id with a dot', withState({ id: '(machine).b' }), '/states/a/id'],
    ['an id of the machine that is no text', withState({}, { id: 1 }), '/id'],
    ['a state with a dot', { initial: 'a.b', states: { 'a.b': {} } }, '/states/a.b'],
    ['a state like an id', { initial: '#a', states: { '#a': {} } }, '/states/#a'],
    ['a state with a backslash', { initial: 'a\\', states: { 'a\\': {} } }, '/states/a\\'],
    ['a state without a name', { initial: '', states: { '': {} } }, '/states/'],
    ['a state with a slash, escaped', { initial: 'a/~', states: { 'a/~': { on: 1 } } }, '/states/a~1~0/on'],
    ['an event without a name', withState({ on: { '': 'b' } }), '/states/a/on/'],
    ['a wildcard in the middle', withState({ on: { 'a.*.b': 'b' } }), '/states/a/on/a.*.b'],
    ['a wildcard in a word', withState({ on: { 'a*': 'b' } }), '/states/a/on/a*'],
    ['a wildcard behind nothing', withState({ on: { '.*': 'b' } }), '/states/a/on/.*'],
    ['two wildcards', withState({ on: { '*.*': 'b' } }), '/states/a/on/*.*'],
    ['an action of XState', withState({ entry: 'xstate.raise' }), '/states/a/entry'],
    ['actions that are numbers', withState({ exit: [1] }), '/states/a/exit'],
    ['a description that is no text', withState({ description: 1 }), '/states/a/description'],
  ])('%s', (_what, definition, path) => {
    expect(problemOf(definition)).toBe(`INVALID_DEFINITION ${path}`)
  })

  it('what is not of the JSON model', () => {
    const named: JsonObject = JSON.parse('{"initial": "a", "states": {"__proto__": {}, "a": {}}}')
    expect(problemOf(named)).toBe('INVALID_DEFINITION ')
    const circle: JsonObject = { initial: 'a' }
    circle['states'] = { a: circle }
    expect(problemOf(circle)).toBe('INVALID_DEFINITION ')
    expect(problemOf(chain(5_000))).toBe('INVALID_DEFINITION ')
  })
})

describe('events that machines raise themselves', () => {
  it.each(['xstate.after.10.(machine).a', 'xstate.done.state.(machine).a', 'xstate.init', 'xstate.*'])(
    'cannot be listed by a definition: %s',
    (event) => {
      expect(problemOf(withState({ on: { [event]: 'b' } }))).toBe(`INVALID_DEFINITION /states/a/on/${event}`)
    },
  )

  it.each(['xstate.after.10.(machine).a', 'xstate.stop', 'xstate.', '*', 'job.*', '', 'a\nb', 7, null])(
    'cannot be sent by a client: %j',
    (event) => {
      expect(eventProblem(event)).toEqual(expect.any(String))
    },
  )

  it.each(['GO', 'job.done', 'xstate', 'xstates.a', 'toString', 'ünï'])('and ordinary ones can: %s', (event) => {
    expect(eventProblem(event)).toBeUndefined()
  })
})

/** `depth` states in each other. */
function chain(depth: number): JsonObject {
  let inner: JsonObject = {}
  for (let level = 1; level < depth; level += 1) inner = { initial: 'a', states: { a: inner } }
  return inner
}

function many<Value>(count: number, make: (index: number) => Value): Record<string, Value> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, make(index)]))
}

function regions(count: number): JsonObject {
  return { type: 'parallel', states: many(count, () => ({})) }
}

describe('a definition beyond a bound is unsupported, one at the bound is not:', () => {
  const events = (count: number) => many(count, () => 'n0')
  const histories = (count: number) => ({
    n0: {},
    ...many(count + 1, (index) => (index === 0 ? {} : { type: 'history' })),
  })
  it.each<[string, JsonObject, JsonObject, string]>([
    [
      'states',
      { initial: 'n0', states: many(255, () => ({})) },
      { initial: 'n0', states: many(256, () => ({})) },
      '/states/n255',
    ],
    ['depth', chain(16), chain(17), '/states/a'.repeat(16)],
    ['regions', regions(32), regions(33), '/states'],
    [
      'transitions',
      { initial: 'n0', states: { n0: { on: events(1_000) } } },
      { initial: 'n0', states: { n0: { on: events(1_001) } } },
      '/states/n0/on/n1000',
    ],
    [
      'history states',
      { initial: 'a', states: { a: { initial: 'n0', states: histories(16) } } },
      { initial: 'a', states: { a: { initial: 'n0', states: histories(17) } } },
      '/states/a/states/n17',
    ],
    ['bytes', withState({ meta: 'x'.repeat(65_000) }), withState({ meta: 'x'.repeat(66_000) }), ''],
  ])('%s', (_what, inside, outside, path) => {
    expect(problemOf(inside)).toBe('no problem')
    expect(problemOf(outside)).toBe(`UNSUPPORTED ${path}`)
  })
})

describe('a machine that would never come to rest is refused:', () => {
  const complete: JsonObject = { initial: 'end', states: { end: { type: 'final' } } }
  const endless = 'INVALID_DEFINITION'
  it.each<[string, JsonObject, string]>([
    [
      'mutual eventless transitions',
      { initial: 'a', states: { a: { always: 'b' }, b: { always: 'a' } } },
      'UNSUPPORTED /states/a/always',
    ],
    [
      'a state that completes into itself',
      { initial: 'a', states: { a: { ...complete, onDone: 'a' } } },
      `${endless} /states/a/onDone`,
    ],
    [
      'two that complete into each other',
      { initial: 'a', states: { a: { ...complete, onDone: 'b' }, b: { ...complete, onDone: 'a' } } },
      `${endless} /states/a/onDone`,
    ],
    [
      'a parallel one that completes into itself',
      { initial: 'a', states: { a: { type: 'parallel', states: { b: complete }, onDone: 'a' } } },
      `${endless} /states/a/onDone`,
    ],
    [
      'one that completes into its own end',
      {
        initial: 'a',
        states: { a: { initial: 'c', states: { c: { on: { GO: 'end' } }, end: { type: 'final' } }, onDone: '.end' } },
      },
      `${endless} /states/a/onDone`,
    ],
    [
      'a wildcard that answers completion',
      { initial: 'a', states: { a: complete }, on: { '*': '.a' } },
      `${endless} /on/*`,
    ],
    [
      'completion through history',
      {
        initial: 'a',
        states: {
          a: {
            initial: 'c',
            states: { c: { on: { GO: 'end' } }, end: { type: 'final' }, h: { type: 'history' } },
            onDone: 'b',
          },
          b: { ...complete, onDone: 'a.h' },
        },
      },
      `${endless} /states/a/onDone`,
    ],
  ])('%s', (_what, definition, expected) => {
    expect(problemOf(definition)).toBe(expected)
  })
})
