// Instances of machines: context, deadlines and the bounded past, step by step, and that nothing once made ever changes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import {
  advance,
  begin,
  firstDeadline,
  type InstanceContents,
  migrated,
  occurrences,
  withoutTimer,
} from '../../src/state/instance.ts'
import { compileMachine, type Machine, type Step } from '../../src/state/machine.ts'

function machineOf(source: JsonObject): Machine {
  const machine = compileMachine(source)
  if ('code' in machine) throw new Error(machine.reason)
  return machine
}

const lamp = machineOf({
  initial: 'off',
  states: {
    off: { on: { PRESS: 'on' } },
    on: {
      on: { PRESS: 'off', AGAIN: { target: 'on', reenter: true }, NOTE: { actions: 'note' } },
      after: { 1000: 'dim', 5000: 'off' },
    },
    dim: { on: { PRESS: 'off' }, after: { 4000: 'off' } },
  },
})

function sent(contents: InstanceContents, event: string, at: number, more: { data?: JsonObject; max?: number } = {}) {
  const step = lamp.send(contents.configuration, event) as Step
  const { data, max: historyMax = 10 } = more
  return advance(contents, step, { event, at, version: contents.revision + 1, historyMax, ...(data && { data }) })
}

function fired(contents: InstanceContents, at: number) {
  const { event } = firstDeadline(contents) as { event: string }
  const step = lamp.fire(contents.configuration, event) as Step
  return advance(contents, step, { event, at, version: contents.revision + 1, historyMax: 10 })
}

const off = begin(lamp, { room: 'hall' }, { at: 100, version: 7 })
const on = sent(off, 'PRESS', 200)

describe('an instance', () => {
  it('begins where its machine begins', () => {
    expect(off).toMatchObject({
      configuration: { value: 'off' },
      context: { room: 'hall' },
      revision: 7,
      createdAt: 100,
    })
    expect(off).toMatchObject({ updatedAt: 100, past: undefined })
    expect(firstDeadline(off)).toBeUndefined()
  })

  it('has deadlines from its beginning on where its first state has timers', () => {
    const machine = machineOf({ initial: 'a', states: { a: { after: { 50: 'b' } }, b: {} } })
    expect(firstDeadline(begin(machine, {}, { at: 1_000, version: 1 }))?.at).toBe(1_050)
  })

  it('merges data into its context one field deep', () => {
    const known = sent(sent(off, 'PRESS', 200, { data: { by: { name: 'Ann', age: 4 } } }), 'NOTE', 300, {
      data: { by: { name: 'Bob' } },
    })
    expect(known.context).toEqual({ room: 'hall', by: { name: 'Bob' } })
  })

  it('keeps a field of the context named like an inherited one', () => {
    expect(sent(off, 'PRESS', 200, { data: { constructor: 1 } }).context).toEqual({ room: 'hall', constructor: 1 })
  })

  it('tells what happened, the newest last', () => {
    const again = sent(sent(on, 'PRESS', 300), 'PRESS', 400)
    expect(occurrences(again.past, 10)).toEqual([
      { from: 'off', to: 'on', event: 'PRESS', at: 200, version: 8 },
      { from: 'on', to: 'off', event: 'PRESS', at: 300, version: 9 },
      { from: 'off', to: 'on', event: 'PRESS', at: 400, version: 10 },
    ])
  })

  it('remembers what timers did, under their reserved names', () => {
    expect(fired(on, 1_200).past?.newest).toEqual({
      from: 'on',
      to: 'dim',
      event: 'xstate.after.1000.(machine).on',
      at: 1_200,
      version: 9,
    })
  })

  it('counts its bytes', () => {
    expect(sent(off, 'PRESS', 200, { data: { text: 'x'.repeat(1_000) } }).bytes - off.bytes).toBeGreaterThan(1_000)
    expect(on.bytes).toBeGreaterThan(off.bytes)
  })
})

describe('the past of an instance', () => {
  it('is the newest occurrences up to a bound, however many there were', () => {
    const property = fc.property(fc.nat({ max: 60 }), fc.nat({ max: 9 }), (count, max) => {
      let contents = off
      for (let index = 1; index <= count; index += 1) {
        contents = sent(contents, 'PRESS', index, { max })
        expect(contents.past?.length ?? 0).toBeLessThanOrEqual(2 * max)
      }
      const newest = Array.from({ length: Math.min(count, max) }, (_, index) => count - index).reverse()
      expect(occurrences(contents.past, max).map(({ at }) => at)).toEqual(newest)
    })
    fc.assert(property)
  })
})

describe('the deadlines of an instance', () => {
  it('are the moment of entering and the delay', () => {
    expect([...on.deadlines.values()].sort((a, b) => a - b)).toEqual([1_200, 5_200])
    expect(firstDeadline(on)).toEqual({ event: 'xstate.after.1000.(machine).on', at: 1_200 })
  })

  it('go with their state', () => {
    expect(sent(on, 'PRESS', 300).deadlines.size).toBe(0)
  })

  it('stay where a step does not leave their state, and start anew where it does', () => {
    expect(sent(on, 'NOTE', 300).deadlines).toBe(on.deadlines)
    expect(firstDeadline(sent(on, 'AGAIN', 300))?.at).toBe(1_300)
  })

  it('count on from the firing, however late it was', () => {
    const dim = fired(on, 1_000_000)
    expect(dim.configuration.value).toBe('dim')
    expect(firstDeadline(dim)?.at).toBe(1_004_000)
    expect(fired(dim, 1_004_000)).toMatchObject({ configuration: { value: 'off' } })
  })

  it('do not come back where a timer leads into its own state without entering it again', () => {
    const machine = machineOf({ initial: 'a', states: { a: { after: { 50: { target: 'a', actions: 'tick' } } } } })
    const first = begin(machine, {}, { at: 0, version: 1 })
    const { event } = firstDeadline(first) as { event: string }
    const step = machine.fire(first.configuration, event) as Step
    const then = advance(first, step, { event, at: 50, version: 2, historyMax: 1 })
    expect(then.deadlines.size).toBe(0)
  })

  it('come in the order of arming where two are due at one moment', () => {
    const machine = machineOf({
      type: 'parallel',
      states: { b: { after: { 50: '#(machine).b' } }, a: { after: { 50: '#(machine).a' } } },
    })
    expect(firstDeadline(begin(machine, {}, { at: 0, version: 1 }))?.event).toBe('xstate.after.50.(machine).b')
  })

  it('can be given up one by one', () => {
    const { event } = firstDeadline(on) as { event: string }
    expect(firstDeadline(withoutTimer(on, event, { at: 300, version: 9 }))?.at).toBe(5_200)
  })
})

describe('an instance under another definition', () => {
  const next = machineOf({
    initial: 'off',
    states: { off: {}, on: { after: { 5000: 'off', 7000: 'off' } } },
  })

  it('keeps context, past and the timers that both have, and begins the others', () => {
    const configuration = next.migrate('on', {}, new Map())
    const moved = migrated(on, next, configuration as InstanceContents['configuration'], { at: 1_000, version: 20 })
    expect([...moved.deadlines.values()]).toEqual([5_200, 8_000])
    expect(moved).toMatchObject({ context: on.context, past: on.past, revision: 20, createdAt: 100, updatedAt: 1_000 })
  })
})

describe('what was made once', () => {
  it('is as it was, whatever happened since', () => {
    const before = structuredClone(on)
    fired(sent(sent(on, 'AGAIN', 300, { data: { x: 1 } }), 'NOTE', 400), 2_000)
    withoutTimer(on, 'xstate.after.1000.(machine).on', { at: 300, version: 9 })
    expect(structuredClone(on)).toEqual(before)
  })
})
