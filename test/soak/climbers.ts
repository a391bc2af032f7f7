// The load of the campaigns that take power or processes away: climbers, each of which writes one step after another, in
// records, keys, lists and machines. What a state holds says how many steps its climbers have taken, and is wrong in
// itself if it fits no number of steps.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'

export type Command = JsonObject & { readonly cmd: string }

/** Resolves to what a command was answered with; rejects if it was refused. */
export type Call = (command: Command) => Promise<JsonObject>

export interface Climber {
  readonly state: string
  /** The command of a step, from 1. */
  command(step: number): Command
}

/** A state and those who climb in it. */
interface Ground {
  readonly climbers: readonly Climber[]
  readonly create: readonly Command[]
  /** How many steps each climber has taken. */
  read(call: Call): Promise<number[]>
}

const climbersPerState = 16
/** A list grows to so many items, and from then on loses one with every second step. */
const listLength = 64
const places = ['a', 'b', 'c', 'd', 'e'] as const
const definition: JsonObject = {
  initial: 'a',
  states: Object.fromEntries(
    places.map((place, index) => [place, { on: { NEXT: places[(index + 1) % places.length] as string } }]),
  ),
}

function records(state: string): Ground {
  return {
    climbers: Array.from({ length: climbersPerState }, (_, index) => ({
      state,
      command: (step) =>
        step % 2 === 1
          ? { cmd: 'SET_RECORD', state, id: index + 1, data: { step, of: index } }
          : { cmd: 'PATCH_RECORD', state, id: index + 1, data: { step } },
    })),
    create: [{ cmd: 'CREATE_STATE', state }],
    async read(call) {
      const { records: rows, version } = await call({ cmd: 'LIST_RECORDS', state })
      const steps = Array.from({ length: climbersPerState }, () => 0)
      for (const { id, step, of: index } of rows as { id: number; step: number; of: number }[]) {
        strictEqual(index, id - 1, `record ${id} of ${state} is whole`)
        steps[index] = step
      }
      strictEqual(version, sumOf(steps), `each write of ${state} took one version`)
      return steps
    },
  }
}

function keys(state: string): Ground {
  const keyOf = (index: number): string => `key-${index}`
  return {
    climbers: Array.from({ length: climbersPerState }, (_, index) => ({
      state,
      command: (step) =>
        step % 2 === 1
          ? { cmd: 'SET_KEY', state, key: keyOf(index), value: step }
          : { cmd: 'INCREMENT_KEY', state, key: keyOf(index) },
    })),
    create: [{ cmd: 'CREATE_STATE', state, kind: 'keys' }],
    async read(call) {
      const found = await Promise.all(
        Array.from({ length: climbersPerState }, (_, index) => call({ cmd: 'GET_KEY', state, key: keyOf(index) })),
      )
      const steps = found.map(({ value, version }) => {
        strictEqual(value ?? 0, version, `each write of a key of ${state} took one version`)
        return Number(version)
      })
      for (const { state_version: version } of found) strictEqual(version, sumOf(steps), `the version of ${state}`)
      return steps
    },
  }
}

/** One climber, who pushes the number of the step, or pops. */
function list(state: string): Ground {
  const isPush = (step: number): boolean => step <= listLength || step % 2 === 0
  return {
    climbers: [
      {
        state,
        command: (step) =>
          isPush(step)
            ? { cmd: 'PUSH_LIST', state, key: 'list', item: step }
            : { cmd: 'POP_LIST', state, key: 'list', end: 'first' },
      },
    ],
    create: [{ cmd: 'CREATE_STATE', state, kind: 'keys' }],
    async read(call) {
      const { value, state_version: version } = await call({ cmd: 'GET_KEY', state, key: 'list' })
      const steps = Number(version)
      const pops = Math.ceil(Math.max(0, steps - listLength) / 2)
      // So many pushes back the items end, and only the last ones are left.
      const items: number[] = []
      for (let step = steps; items.length < pushesUpTo(steps) - pops; step -= 1) if (isPush(step)) items.unshift(step)
      deepStrictEqual(value ?? [], items, `the items of ${state}`)
      return [steps]
    },
  }
}

function pushesUpTo(steps: number): number {
  return Math.min(steps, listLength) + Math.floor(Math.max(0, steps - listLength) / 2)
}

/** One climber, who sends events to an instance that goes in a circle. */
function machine(state: string): Ground {
  return {
    climbers: [{ state, command: () => ({ cmd: 'SEND_EVENT', state, id: 1, event: 'NEXT' }) }],
    create: [
      { cmd: 'CREATE_STATE', state, kind: 'machine', definition, history_limit: 8 },
      { cmd: 'CREATE_INSTANCE', state, id: 1 },
    ],
    async read(call) {
      const { value, version } = await call({ cmd: 'GET_INSTANCE', state, id: 1 })
      const steps = Number(version) - 1
      strictEqual(value, places[steps % places.length], `the place of the instance of ${state}`)
      const { history } = await call({ cmd: 'GET_HISTORY', state, id: 1 })
      ok((history as readonly JsonValue[]).length >= Math.min(steps, 1), `${state} has a past`)
      return [steps]
    },
  }
}

// Of each kind two, whose names hash to different shards of two.
const grounds: readonly Ground[] = [
  records('records-1'),
  records('records-4'),
  keys('keys-1'),
  keys('keys-4'),
  list('list-1'),
  list('list-4'),
  machine('machine-1'),
  machine('machine-4'),
]

export const climbers: readonly Climber[] = grounds.flatMap((ground) => ground.climbers)
export const creations: readonly Command[] = grounds.flatMap(({ create }) => create)
/** Codes with which a creation is refused that has happened before. */
export const createdBefore: ReadonlySet<unknown> = new Set(['STATE_EXISTS', 'INSTANCE_EXISTS'])

/** How many steps each climber has taken; throws if what is there fits no number of steps. */
export async function stepsTaken(call: Call): Promise<number[]> {
  return (await Promise.all(grounds.map((ground) => ground.read(call)))).flat()
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
