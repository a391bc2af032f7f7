// Random machines, and random sequences of events and waiting: the states are those of an actor that XState runs on its
// own from the very definition. HOLDFAST_MODEL_RUNS is how many sequences are tried. A failure prints its seed.
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  createActor,
  createMachine,
  SimulatedClock,
} from 'xstate'
import type { JsonObject } from '../../src/protocol/value.ts'
import { compileMachine, type Machine, type Step } from '../../src/state/machine.ts'
import { actionNames, definition, events } from '../support/machine-definitions.ts'

const runs = Number(process.env.HOLDFAST_MODEL_RUNS ?? 400)
const testTimeoutMs = 60_000 + runs * 100

function compiled(source: JsonObject): Machine {
  const machine = compileMachine(source)
  if ('code' in machine) throw new Error(`${machine.path}: ${machine.reason}`)
  return machine
}

/** XState's own actor, with a clock that we move and actions that are noted down. */
function actorOf(source: JsonObject) {
  const noted: string[] = []
  const actions = Object.fromEntries(actionNames.map((name) => [name, () => void noted.push(name)]))
  const clock = new SimulatedClock()
  const actor = createActor(createMachine(source as Parameters<typeof createMachine>[0], { actions }), { clock })
  return { actor, clock, noted }
}

/**
 * Whether XState's own list of active nodes is the one of its value. Where one of several transitions at once goes by way
 * of a history state it may lose a node, or keep two in one region, and acts strangely from then on.
 */
function isSound({ machine, value, _nodes }: AnyMachineSnapshot): boolean {
  const ids = (nodes: readonly AnyStateNode[]) => nodes.map(({ id }) => id).sort()
  const sound = (machine as AnyStateMachine).resolveState({ value, context: {} }) as AnyMachineSnapshot
  return isDeepStrictEqual(ids(_nodes), ids(sound._nodes))
}

/** Plays both sides; says how many moves led somewhere. */
function play(source: JsonObject, moves: readonly string[]): number {
  const machine = compiled(source)
  const { actor, clock, noted } = actorOf(source)
  const deadlines = new Map<string, number>()
  let nowMs = 0
  let done = 0
  let at = machine.beginning.to
  let isTwice = false
  const take = (step: Step | undefined) => {
    if (step === undefined) return expect(noted).toEqual([])
    done += 1
    // Where a history state leads back to the state it was asked from, that is entered again without having been left.
    // XState's clock then runs its timer twice; here the second replaces the first.
    isTwice ||= step.armed.some(({ event }) => deadlines.has(event) && !step.cancelled.includes(event))
    at = step.to
    for (const event of step.cancelled) deadlines.delete(event)
    for (const { event, delayMs } of step.armed) deadlines.set(event, nowMs + delayMs)
    return expect(noted.splice(0)).toEqual(step.actions)
  }
  const compare = () => {
    const snapshot = actor.getSnapshot()
    expect(at.value).toEqual(snapshot.value)
    expect(at.done).toBe(snapshot.status === 'done')
    // A timer that fired and led back into its own state does not run again, so some may be missing.
    const known = machine.timers(at).map(({ event }) => event)
    expect(known).toEqual(expect.arrayContaining([...deadlines.keys()]))
    expect(machine.restore(at.value, at.history as JsonObject)?.key).toBe(at.key)
    if (at.done) return
    for (const event of events) expect(machine.send(at, event) !== undefined).toBe(snapshot.can({ type: event }))
    // A listed wildcard stands for itself as an event, too.
    for (const event of machine.can(at)) expect(snapshot.can({ type: event })).toBe(true)
  }

  actor.start()
  take(machine.beginning)
  compare()
  for (const move of moves) {
    if (at.done || isTwice) return done
    if (move === 'wait') {
      const [first, second] = [...deadlines].sort(([, a], [, b]) => a - b)
      if (first === undefined) continue
      // XState leaves open which of two timers fires first when both are due.
      if (second !== undefined && second[1] === first[1]) return done
      clock.increment(first[1] - nowMs)
      if (!isSound(actor.getSnapshot())) return done
      nowMs = first[1]
      const step = machine.fire(at, first[0])
      deadlines.delete(first[0])
      take(step)
    } else {
      actor.send({ type: move })
      if (!isSound(actor.getSnapshot())) return done
      take(machine.send(at, move))
    }
    compare()
  }
  return done
}

describe('a machine', () => {
  it(
    'goes through the states that XState goes through, with the same actions, timers and possible events',
    () => {
      let taken = 0
      const moves = fc.array(fc.constantFrom(...events, 'job.x.y', 'job', 'wait', 'wait'), {
        minLength: 5,
        maxLength: 30,
      })
      const property = fc.property(definition, moves, (source, sequence) => {
        taken += play(source, sequence)
      })
      fc.assert(property, { numRuns: runs })
      // The comparison means little if hardly any move led anywhere.
      expect(taken).toBeGreaterThan(runs)
    },
    testTimeoutMs,
  )
})
