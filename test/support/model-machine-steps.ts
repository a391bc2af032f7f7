// Random commands on machines and on fields that follow one, for the model: few definitions, which share names of states,
// so that instances find their way from one to the other; few ids and events, so that they meet each other often.
import fc from 'fast-check'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'

/** Definitions whose timers take one `unitMs` or a few. */
export function definitionsOf(unitMs: number): JsonObject[] {
  const after = (units: number, target: JsonValue): JsonObject => ({ [String(units * unitMs)]: target })
  const closed = { type: 'final' }
  return [
    {
      initial: 'open',
      states: {
        open: {
          on: { GO: { target: 'open', reenter: true }, STOP: 'idle', NOTE: { actions: 'ring' } },
          after: after(2, 'idle'),
        },
        idle: {
          on: { GO: 'open', 'job.*': 'idle', '*': 'closed' },
          after: { ...after(1, 'open'), ...after(9, 'closed') },
        },
        closed,
      },
    },
    {
      initial: 'open',
      on: { RESET: '.open' },
      states: {
        open: { on: { GO: 'work', BACK: 'work.last' } },
        work: {
          initial: 'reading',
          on: { STOP: 'open', NOTE: { target: '.reading' }, 'job.done': 'work' },
          after: after(5, 'open'),
          onDone: 'closed',
          states: {
            reading: { on: { GO: 'writing' }, after: after(1, 'writing') },
            writing: {
              on: { GO: 'checked', BACK: 'reading', NOTE: {} },
              after: after(3, { target: 'writing', reenter: true }),
            },
            checked: { type: 'final' },
            last: { type: 'history' },
          },
        },
        closed,
      },
    },
    {
      initial: 'work',
      states: {
        work: {
          initial: 'reading',
          on: { STOP: 'idle' },
          states: {
            reading: {
              initial: 'first',
              states: {
                first: { on: { GO: 'second' }, after: after(4, 'second') },
                second: { on: { GO: '#writing' } },
              },
            },
            writing: { id: 'writing', on: { BACK: 'reading', GO: '#writing' }, after: after(2, '#writing') },
            last: { type: 'history', history: 'deep', target: 'writing' },
          },
        },
        idle: { on: { GO: 'work.last', BACK: { target: 'work', actions: ['ring'] } } },
        open: { on: { STOP: 'idle' }, after: after(2, 'work') },
      },
    },
  ]
}

const id = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom<JsonValue[]>(1, 1, 2) },
  { weight: 4, arbitrary: fc.constantFrom<JsonValue[]>('2', 3, 'x', 7, 'constructor') },
  { weight: 1, arbitrary: fc.constant<JsonValue>(2 ** 53 - 1) },
)
const event = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GO', 'GO', 'STOP', 'BACK', 'NOTE', 'job.done', 'RESET') },
  { weight: 1, arbitrary: fc.constantFrom('job.failed.twice', 'constructor', 'xstate.after.1.(machine).open', '*') },
)
const path = fc.constantFrom(
  'open',
  'work',
  'work.reading',
  'work.writing',
  'idle',
  'reading',
  'work.last',
  'constructor',
)
const context = fc.constantFrom<JsonObject[]>({}, { by: 'Ann' }, { by: null, constructor: [1] })
const expected = fc.oneof(path, fc.constantFrom<JsonValue[]>({ work: 'reading' }, { work: { reading: 'first' } }, null))
const migrate = fc.constantFrom<JsonObject[]>(
  { idle: 'open', work: 'open', closed: 'open', 'work.reading': 'work.writing' },
  { open: 'work', closed: 'idle', 'work.reading': 'work.reading.second', idle: 'work' },
  { closed: 'open', work: 'closed', idle: 'closed' },
  { open: 'work.last' },
  { 'work.reading': 'nowhere' },
)

type Given = Record<string, fc.Arbitrary<JsonValue>>

function command(weight: number, cmd: string, always: Given, sometimes: Given = {}) {
  const optional = fc.record(sometimes, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>
  const arbitrary = fc
    .tuple(fc.record({ cmd: fc.constant(cmd), ...always }), optional)
    .map(([given, more]): JsonObject => ({ ...given, ...more }))
  return { weight, arbitrary }
}

/** CREATE_STATE of a machine. */
export function createMachine(state: fc.Arbitrary<string>, unitMs: number): fc.Arbitrary<JsonObject> {
  const definition = fc.constantFrom(...definitionsOf(unitMs))
  const given = { state, kind: fc.constant('machine'), definition }
  return command(1, 'CREATE_STATE', given, { history_limit: fc.constantFrom(0, 1, 3) }).arbitrary
}

/** Commands on instances; lists come without a cursor. */
export function machineCommand(state: fc.Arbitrary<string>, unitMs: number): fc.Arbitrary<JsonObject> {
  const definition = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...definitionsOf(unitMs)) },
    { weight: 1, arbitrary: fc.constant<JsonObject>({ initial: 'b', states: { a: {} } }) },
  )
  return fc.oneof(
    command(6, 'CREATE_INSTANCE', { state }, { id, context }),
    command(22, 'SEND_EVENT', { state, id, event }, { data: context }),
    command(4, 'SEND_EVENT', { state, id, event, expected }),
    command(5, 'GET_INSTANCE', { state, id }),
    command(3, 'GET_HISTORY', { state, id }),
    command(1, 'DELETE_INSTANCE', { state, id }),
    command(2, 'SET_DEFINITION', { state, definition }, { migrate }),
    { weight: 2, arbitrary: listInstances(state) },
  )
}

export function listInstances(state: fc.Arbitrary<string>): fc.Arbitrary<JsonObject> {
  return command(1, 'LIST_INSTANCES', { state }, { in_state: path, limit: fc.integer({ min: 1, max: 3 }) }).arbitrary
}

/** What the field `status` of a table follows. */
export const statusMachine: JsonObject = {
  field: 'status',
  definition: {
    initial: 'open',
    states: {
      open: { on: { WORK: 'busy', 'job.*': 'busy', CANCEL: 'constructor', STAY: 'open' } },
      busy: { on: { DONE: 'done', DROP: 'open', NOTE: {} } },
      done: { type: 'final' },
      constructor: {},
    },
  },
}

const status = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<JsonValue[]>('open', 'busy', 'busy', 'done', 'constructor') },
  { weight: 1, arbitrary: fc.constantFrom<JsonValue[]>('nowhere', null, 1) },
)
const n = fc.constantFrom<JsonValue[]>(0, 1, 'text')
const newRecord = fc.oneof(
  { weight: 4, arbitrary: fc.record({ n }) },
  { weight: 1, arbitrary: fc.record({ n, status }) },
) as fc.Arbitrary<JsonObject>
const wholeRecord = fc.oneof(
  { weight: 5, arbitrary: fc.record({ n, status }) },
  { weight: 1, arbitrary: fc.record({ n }) },
) as fc.Arbitrary<JsonObject>
const row = fc.oneof(
  newRecord,
  fc.tuple(wholeRecord, id).map(([fields, own]): JsonObject => ({ ...fields, id: own })),
)

/** CREATE_STATE of a table with such a field. */
export function createBound(state: fc.Arbitrary<string>): fc.Arbitrary<JsonObject> {
  const properties = { n: { type: 'integer' }, status: {} }
  return command(
    1,
    'CREATE_STATE',
    { state, machine: fc.constant(statusMachine) },
    {
      max_length: fc.integer({ min: 2, max: 4 }),
      schema: fc.constantFrom<JsonObject[]>({ properties }, { properties, required: ['n', 'status'] }),
    },
  ).arbitrary
}

/** Commands on the records of such a table. */
export function boundCommand(state: fc.Arbitrary<string>): fc.Arbitrary<JsonObject> {
  return fc.oneof(
    command(6, 'CREATE_RECORD', { state, data: newRecord }),
    command(5, 'SET_RECORD', { state, id, data: wholeRecord }),
    command(8, 'PATCH_RECORD', { state, id, data: fc.record({ status }) }),
    command(2, 'PATCH_RECORD', { state, id, data: fc.record({ n }) }),
    command(1, 'DELETE_RECORD', { state, id }),
    command(3, 'SET_STATE', { state, data: fc.array(row, { maxLength: 3 }) }),
    command(1, 'GET_STATE_INFO', { state }),
    command(
      2,
      'ALTER_STATE',
      { state },
      {
        add_fields: fc.constantFrom<JsonObject[]>({ extra: 1 }, {}, { status: 'open' }),
        drop_fields: fc.constantFrom<string[][]>(['extra'], [], ['status']),
        max_length: fc.constantFrom(null, 3),
      },
    ),
  )
}
