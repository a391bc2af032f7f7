// What compiled machines answer: the capabilities of a state machine and of a validator of transitions one by one, timers,
// history, migration, and how much they remember. That the answers are XState's, the oracle shows.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isIn } from '../../src/protocol/state-value.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type Configuration, compileMachine, type Machine } from '../../src/state/machine.ts'
import { compileFieldMachine, type FieldMachine } from '../../src/state/machine-field.ts'
import { definition, events } from '../support/machine-definitions.ts'

function machineOf(source: JsonValue): Machine {
  const machine = compileMachine(source)
  if ('code' in machine) throw new Error(`${machine.code} ${machine.path}: ${machine.reason}`)
  return machine
}

function after(machine: Machine, ...sent: readonly string[]): Configuration {
  return sent.reduce<Configuration>((at, event) => {
    const step = machine.send(at, event)
    if (step === undefined) throw new Error(`'${event}' is not possible`)
    return step.to
  }, machine.beginning.to)
}

const source = machineOf({
  initial: 'pending',
  states: {
    pending: { on: { process: 'processing' } },
    processing: {
      on: { complete: 'indexed', fail: 'failed' },
      after: { 5000: 'failed' },
      entry: 'started',
      exit: 'ended',
    },
    indexed: { type: 'final' },
    failed: { on: { retry: { target: 'pending', actions: ['count'] } } },
  },
})

const player = machineOf({
  initial: 'off',
  states: {
    off: { on: { POWER: 'on', RESUME: 'on.last' } },
    on: {
      initial: 'stopped',
      on: { POWER: 'off' },
      states: {
        stopped: { on: { PLAY: 'playing' } },
        playing: { initial: 'slow', on: { STOP: 'stopped' }, states: { slow: { on: { FAST: 'fast' } }, fast: {} } },
        last: { type: 'history', history: 'deep' },
      },
    },
  },
})

const job = machineOf({
  type: 'parallel',
  states: {
    upload: { initial: 'going', states: { going: { on: { UPLOADED: 'done' } }, done: { type: 'final' } } },
    check: { initial: 'open', states: { open: { on: { CHECKED: 'done' } }, done: { type: 'final' } } },
  },
})

describe('a machine', () => {
  it('begins in its initial state', () => {
    expect(source.beginning.to.value).toBe('pending')
    expect(player.beginning.to.value).toBe('off')
    expect(job.beginning.to.value).toEqual({ upload: 'going', check: 'open' })
  })

  it('goes from state to state by events', () => {
    expect(after(source, 'process', 'fail', 'retry').value).toBe('pending')
    expect(after(player, 'POWER', 'PLAY', 'FAST').value).toEqual({ on: { playing: 'fast' } })
    expect(after(job, 'CHECKED').value).toEqual({ upload: 'going', check: 'done' })
  })

  it('takes no event that its state does not list', () => {
    expect(source.send(source.beginning.to, 'complete')).toBeUndefined()
    expect(source.send(source.beginning.to, 'unheard of')).toBeUndefined()
  })

  it('is done in a final state, and takes no event from then on', () => {
    const done = after(source, 'process', 'complete')
    expect(done).toMatchObject({ value: 'indexed', done: true })
    expect(source.can(done)).toEqual([])
    expect(after(job, 'CHECKED').done).toBe(false)
    expect(after(job, 'CHECKED', 'UPLOADED').done).toBe(true)
  })

  it('says which events are possible, those of outer states too, sorted', () => {
    expect(source.can(after(source, 'process'))).toEqual(['complete', 'fail'])
    expect(player.can(after(player, 'POWER', 'PLAY'))).toEqual(['FAST', 'POWER', 'STOP'])
  })

  it('leaves out an event that an inner state blocks', () => {
    const machine = machineOf({ initial: 'a', on: { GO: '.b' }, states: { a: { on: { GO: {} } }, b: {} } })
    expect(machine.can(machine.beginning.to)).toEqual([])
    expect(machine.send(machine.beginning.to, 'GO')).toBeUndefined()
  })

  it('answers whether a state is active, by its path', () => {
    const { value } = after(player, 'POWER', 'PLAY')
    expect(['on', 'on.playing', 'on.playing.slow'].filter((path) => !isIn(value, path))).toEqual([])
    expect(
      ['off', 'playing', 'on.stopped', 'on.playing.slow.x', 'toString', ''].filter((path) => isIn(value, path)),
    ).toEqual([])
    expect(isIn({ a: {}, b: 'c' }, 'a')).toBe(true)
    expect(['on.playing', 'off'].every((path) => player.hasState(path))).toBe(true)
    expect(['on.last', 'nowhere', ''].some((path) => player.hasState(path))).toBe(false)
  })

  it('names the actions of a transition in their order, and runs none', () => {
    expect(source.send(source.beginning.to, 'process')?.actions).toEqual(['started'])
    expect(source.send(after(source, 'process'), 'fail')?.actions).toEqual(['ended'])
    expect(source.send(after(source, 'process', 'fail'), 'retry')?.actions).toEqual(['count'])
  })

  it('says whether a transition changed the value', () => {
    const machine = machineOf({
      initial: 'a',
      states: { a: { on: { STAY: 'a', NOTE: { actions: 'x' }, GO: 'b' } }, b: {} },
    })
    const changed = ['STAY', 'NOTE', 'GO'].map((event) => machine.send(machine.beginning.to, event)?.changed)
    expect(changed).toEqual([false, false, true])
  })

  it('comes back to where it was by way of history', () => {
    const off = after(player, 'POWER', 'PLAY', 'FAST', 'POWER')
    expect(off).toMatchObject({ value: 'off', history: { 'on.last': ['on.playing.fast'] } })
    expect(player.send(off, 'RESUME')?.to.value).toEqual({ on: { playing: 'fast' } })
    expect(player.send(player.beginning.to, 'RESUME')?.to.value).toEqual({ on: 'stopped' })
  })

  it('takes an event that is not listed for the longest wildcard that matches it', () => {
    const machine = machineOf({
      initial: 'a',
      states: {
        a: { on: { '*': 'any', 'job.*': 'job', 'job.done.*': 'done', 'job.done.well': 'well' } },
        any: {},
        job: {},
        done: {},
        well: {},
      },
    })
    const to = (event: string) => machine.send(machine.beginning.to, event)?.to.value
    expect(['other', 'job', 'job.x', 'job.done', 'job.done.x.y', 'job.done.well', 'jobs.x'].map(to)).toEqual([
      'any',
      'job',
      'job',
      'done',
      'done',
      'well',
      'any',
    ])
  })

  it('takes no event whose steps have no end in sight', () => {
    // Each completion is answered by two, and each of those by the same next one: twice the steps at each turn.
    const turns = (count: number) => {
      const ends = (...names: readonly string[]) => ({ target: names.map((name) => `#(machine).${name}.end`) })
      const region = (onDone: JsonObject) => ({ initial: 'w', onDone, states: { w: {}, end: { type: 'final' } } })
      const states: JsonObject = { [`x${count}`]: region({}) }
      for (let turn = 0; turn < count; turn += 1) {
        states[`x${turn}`] = region(ends(`y${turn}`, `z${turn}`))
        states[`y${turn}`] = region(ends(`x${turn + 1}`))
        states[`z${turn}`] = region(ends(`x${turn + 1}`))
      }
      return machineOf({ type: 'parallel', on: { GO: '.x0.end' }, states })
    }
    expect(after(turns(2), 'GO').value).toHaveProperty('x2', 'end')
    const machine = turns(9)
    expect(machine.send(machine.beginning.to, 'GO')).toBeUndefined()
    expect(machine.can(machine.beginning.to)).toEqual([])
  })

  it('takes no event after which XState would be in two states of one region', () => {
    const machine = machineOf({
      type: 'parallel',
      states: {
        b: { on: { RESET: '#(machine)' } },
        a: {
          initial: 'first',
          states: {
            first: { initial: 'x', states: { x: {} }, on: { GO: 'second' } },
            second: { on: { RESET: 'last' } },
            last: { type: 'history', target: 'second' },
          },
        },
      },
    })
    expect(machine.send(after(machine, 'GO'), 'RESET')).toBeUndefined()
    expect(machine.can(after(machine, 'GO'))).toEqual([])
  })
})

describe('the timers of a machine', () => {
  const processing = after(source, 'process')
  const timer = { event: 'xstate.after.5000.(machine).processing', delayMs: 5_000 }

  it('start with their state and end with it', () => {
    expect(source.send(source.beginning.to, 'process')?.armed).toEqual([timer])
    expect(source.send(processing, 'complete')?.cancelled).toEqual([timer.event])
    expect(source.timers(processing)).toEqual([timer])
    expect(source.timers(source.beginning.to)).toEqual([])
  })

  it('start anew when their state is entered again', () => {
    const machine = machineOf({
      initial: 'a',
      states: { a: { on: { AGAIN: { target: 'a', reenter: true } }, after: { 10: 'a' } } },
    })
    const step = machine.send(machine.beginning.to, 'AGAIN')
    expect(step?.cancelled).toEqual(['xstate.after.10.(machine).a'])
    expect(step?.armed).toEqual([{ event: 'xstate.after.10.(machine).a', delayMs: 10 }])
  })

  it('lead on when they fire', () => {
    expect(source.fire(processing, timer.event)?.to.value).toBe('failed')
  })

  it('do nothing when their state is left or when there is no such timer', () => {
    expect(source.fire(source.beginning.to, timer.event)).toBeUndefined()
    expect(source.fire(processing, 'xstate.after.5001.(machine).processing')).toBeUndefined()
    expect(source.fire(processing, 'fail')).toBeUndefined()
  })

  it('cannot be fired by sending their event', () => {
    expect(source.send(processing, timer.event)).toBeUndefined()
    const any = machineOf({ initial: 'a', states: { a: { on: { '*': 'b' }, after: { 10: 'c' } }, b: {}, c: {} } })
    expect(any.send(any.beginning.to, 'xstate.after.10.(machine).a')).toBeUndefined()
  })

  it('all end when the machine is done', () => {
    const machine = machineOf({
      initial: 'a',
      after: { 10: '.b' },
      states: { a: { on: { GO: 'b' } }, b: { type: 'final' } },
    })
    expect(machine.send(machine.beginning.to, 'GO')?.cancelled).toEqual(['xstate.after.10.(machine)'])
    expect(machine.timers(after(machine, 'GO'))).toEqual([])
  })
})

describe('a stored value', () => {
  it('is restored with its history', () => {
    const off = after(player, 'POWER', 'PLAY', 'FAST', 'POWER')
    expect(player.restore(off.value, off.history as JsonObject)).toEqual(off)
    expect(source.restore('indexed')?.done).toBe(true)
    expect(job.restore({ check: 'open', upload: 'done' })?.key).toBe('[{"upload":"done","check":"open"},{}]')
  })

  it.each<[string, JsonValue]>([
    ['a state that is not there', 'x'],
    ['an inherited name', 'constructor'],
    ['a state that has others inside', 'on'],
    ['a state that has none, as if it had', { off: {} }],
    ['a history state', { on: 'last' }],
    ['two at once', { on: 'stopped', off: {} }],
    ['none', {}],
    ['null', null],
    ['a list', ['off']],
    ['a number', 1],
  ])('is refused if this definition has no such value: %s', (_what, value) => {
    expect(player.restore(value)).toBeUndefined()
  })

  it('must name every region of a parallel state', () => {
    expect(job.restore({ upload: 'going' })).toBeUndefined()
    expect(job.restore({ upload: 'going', check: 'open', more: 'open' })).toBeUndefined()
  })

  it.each<JsonObject>([
    { 'on.last': ['on'] },
    { 'on.last': ['off'] },
    { 'on.last': ['on.stopped', 'on.playing.slow'] },
    { 'on.last': [] },
    { 'on.last': 'on.stopped' },
    { 'on.last': [{}] },
    { on: ['on.stopped'] },
    { nowhere: ['off'] },
  ])('loses history that no longer fits: %j', (history) => {
    expect(player.restore('off', history)?.history).toEqual({})
  })
})

describe('an instance that comes from another definition', () => {
  it('keeps its state where that is still there', () => {
    expect(source.migrate('failed', {}, new Map())?.value).toBe('failed')
  })

  it('goes to the state that took the place of its own', () => {
    expect(source.migrate('broken', {}, new Map([['broken', 'failed']]))?.value).toBe('failed')
  })

  it('takes the longest match, and what is below a renamed state along', () => {
    const renamed = new Map([
      ['running', 'on'],
      ['running.idle', 'on.stopped'],
    ])
    expect(player.migrate({ running: 'idle' }, {}, renamed)?.value).toEqual({ on: 'stopped' })
    expect(player.migrate({ running: { playing: 'fast' } }, {}, renamed)?.value).toEqual({ on: { playing: 'fast' } })
    expect(player.migrate('off', { 'running.last': ['running.playing.fast'] }, renamed)?.history).toEqual({
      'on.last': ['on.playing.fast'],
    })
  })

  it('begins what its old value leaves open', () => {
    expect(player.migrate('active', {}, new Map([['active', 'on']]))?.value).toEqual({ on: 'stopped' })
    expect(job.migrate('checked', {}, new Map([['checked', 'check.done']]))?.value).toEqual({
      upload: 'going',
      check: 'done',
    })
  })

  it('is refused where its state has no successor, or two that exclude each other', () => {
    expect(source.migrate('broken', {}, new Map())).toBeUndefined()
    expect(source.migrate('broken', {}, new Map([['broken', 'nowhere']]))).toBeUndefined()
    expect(player.migrate('x', {}, new Map([['x', 'on.last']]))).toBeUndefined()
    expect(
      source.migrate(
        { a: 'pending', b: 'failed' },
        {},
        new Map([
          ['a', ''],
          ['a.pending', 'pending'],
          ['b.failed', 'failed'],
        ]),
      ),
    ).toBeUndefined()
  })
})

describe('a machine under load', () => {
  it('answers the same however many answers it has forgotten', () => {
    // 2 to the 11th situations: more than are remembered.
    const region: JsonObject = { initial: 'a', states: { a: {}, b: {} } }
    const names = Array.from({ length: 11 }, (_, index) => `r${index}`)
    const states = Object.fromEntries(
      names.map((name) => [name, { ...region, on: { [`${name}.on`]: '.b', [`${name}.off`]: '.a' } }]),
    )
    const machine = machineOf({ type: 'parallel', states })
    let at = machine.beginning.to
    // Through all of them, one region at a time.
    for (let count = 1; count < 2_048; count += 1) {
      const bit = Math.log2(count & -count)
      const isOn = (at.value as Record<string, string>)[`r${bit}`] === 'b'
      at = machine.send(at, `r${bit}.${isOn ? 'off' : 'on'}`)?.to as Configuration
    }
    expect(at.value).toEqual({ ...Object.fromEntries(names.map((name) => [name, 'a'])), r10: 'b' })
    expect(after(machine, 'r0.on').value).toEqual({ ...Object.fromEntries(names.map((name) => [name, 'a'])), r0: 'b' })
  })

  it('gives the very same answer twice, and stays in the very same configuration', () => {
    const first = source.send(source.beginning.to, 'process')
    expect(source.send(source.beginning.to, 'process')).toBe(first)
    const machine = machineOf({ initial: 'a', states: { a: { on: { NOTE: { actions: 'x' } } } } })
    expect(machine.send(machine.beginning.to, 'NOTE')?.to).toBe(machine.beginning.to)
  })

  it('answers a transition between many regions and states within a moment', () => {
    const inner = (): JsonObject => ({
      initial: 's0',
      states: Object.fromEntries(
        Array.from({ length: 6 }, (_, index) => [`s${index}`, { on: { OUT: '#out', NEXT: `s${(index + 1) % 6}` } }]),
      ),
    })
    const machine = machineOf({
      initial: 'all',
      states: {
        out: { id: 'out', on: { IN: 'all' } },
        all: {
          type: 'parallel',
          states: Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`r${index}`, inner()])),
        },
      },
    })
    const start = performance.now()
    expect(after(machine, 'NEXT', 'OUT', 'IN', 'NEXT', 'NEXT').value).toHaveProperty('all.r31', 's2')
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})

describe('any definition', () => {
  const junk = fc.oneof(
    fc.constantFrom<JsonValue>(null, '', '*', '.', '#', 'a', 'constructor', 0, -1, true, [], {}, ['a', 'b'], {
      target: 'a',
    }),
    fc.constantFrom<JsonValue>('parallel', 'final', 'history', 'compound', 'atomic', '#random', 'xstate.init', {
      a: {},
    }),
  )

  /** The paths of all parts of a value. */
  function places(value: JsonValue): string[][] {
    if (typeof value !== 'object' || value === null) return [[]]
    const inner = value as Record<string, JsonValue>
    return [[], ...Object.keys(inner).flatMap((key) => places(inner[key] as JsonValue).map((path) => [key, ...path]))]
  }

  function damaged(value: JsonValue, [key, ...path]: readonly string[], part: JsonValue): JsonValue {
    if (key === undefined) return part
    const copy: JsonValue = structuredClone(value)
    const holder = copy as Record<string, JsonValue>
    holder[key] = damaged(holder[key] as JsonValue, path, part)
    return copy
  }

  it('that is damaged in some place is refused with a path, or is a machine that can be used', () => {
    let refused = 0
    const property = fc.property(definition, fc.nat(), junk, fc.boolean(), (whole, at, part, isKey) => {
      const all = places(whole)
      const path = all[at % all.length] as string[]
      const machine = compileMachine(damaged(whole, isKey ? [...path.slice(0, -1), 'target'] : path, part))
      if ('code' in machine) {
        refused += 1
        expect(machine.path).toMatch(/^(\/|$)/)
        return
      }
      for (const event of [...events, '*', 'xstate.init', 'toString']) machine.send(machine.beginning.to, event)
      for (const { event } of machine.timers(machine.beginning.to)) machine.fire(machine.beginning.to, event)
    })
    fc.assert(property, { numRuns: 200 })
    expect(refused).toBeGreaterThan(40)
  })
})

describe('the machine of a field', () => {
  const definitionOfField = (states: JsonObject, more: JsonObject = {}) => ({ initial: 'idle', states, ...more })
  const fieldOf = (made: JsonValue): FieldMachine => {
    const machine = compileFieldMachine(made)
    if ('code' in machine) throw new Error(machine.reason)
    return machine
  }
  const field = fieldOf(
    definitionOfField({
      idle: { on: { start: 'processing' } },
      processing: { on: { complete: 'completed', fail: 'failed', note: { actions: 'x' } } },
      completed: { type: 'final' },
      failed: { on: { retry: 'idle' } },
    }),
  )

  it('validates a move against the allowed transitions', () => {
    const moves: [string, string, boolean][] = [
      ['idle', 'processing', true],
      ['processing', 'completed', true],
      ['processing', 'failed', true],
      ['idle', 'completed', false],
      ['completed', 'idle', false],
      ['failed', 'processing', false],
    ]
    expect(moves.map(([from, to]) => [from, to, field.allows(from, to)])).toEqual(moves)
    expect([...field.next('processing')]).toEqual(['completed', 'failed'])
  })

  it('lets a value stay, if it is a state', () => {
    expect(field.allows('completed', 'completed')).toBe(true)
    expect(field.allows('nowhere', 'nowhere')).toBe(false)
  })

  it('knows no values but its states', () => {
    expect(field.initial).toBe('idle')
    const values: JsonValue[] = ['nowhere', '', 'constructor', null, 1, {}, ['idle']]
    expect(
      values.filter((value) => field.has(value) || field.allows('idle', value) || field.allows(value, 'idle')),
    ).toEqual([])
  })

  it('counts the transitions of the machine itself, unless a state blocks them', () => {
    const machine = fieldOf(
      definitionOfField({ idle: { on: { HALT: {} } }, busy: {}, off: {} }, { on: { HALT: '.off', '*': '.busy' } }),
    )
    expect([...machine.next('idle')]).toEqual(['busy'])
    expect([...machine.next('busy')].sort()).toEqual(['off'])
  })

  it.each<[string, JsonObject, string]>([
    ['a parallel machine', { type: 'parallel', states: { a: {} } }, ''],
    ['states inside', definitionOfField({ idle: { initial: 'a', states: { a: {} } } }), '/states/idle'],
    ['timers', definitionOfField({ idle: { after: { 10: 'busy' } }, busy: {} }), '/states/idle'],
    ['timers of the machine itself', definitionOfField({ idle: {} }, { after: { 10: '.idle' } }), ''],
  ])('is flat and has no timers: %s is unsupported', (_what, made, path) => {
    expect(compileFieldMachine(made)).toMatchObject({ code: 'UNSUPPORTED', path })
  })

  it('passes on what is wrong with a definition', () => {
    expect(compileFieldMachine({ initial: 'x', states: { a: {} } })).toMatchObject({
      code: 'INVALID_DEFINITION',
      path: '/initial',
    })
  })
})
