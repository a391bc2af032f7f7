// Random sessions for the model: commands over few names, ids and fields, so that they meet each other often.
// A step is a command in its documented form, but for two things that are written short: rows by the thousand, and a
// cursor, which is one of those that earlier replies gave.
import fc from 'fast-check'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { keyCommand } from './model-key-steps.ts'
import { boundCommand, createBound, createMachine, listInstances, machineCommand } from './model-machine-steps.ts'

/** A list of rows too long to be printed: see `longList`. */
export interface LongList {
  readonly count: number
  /** Every so many rows one names an id. */
  readonly namedEvery: number
  /** This row does not fit the others; -1 for none. */
  readonly badRow: number
}

export interface Step {
  readonly command: JsonObject
  /** Takes the place of `data`. */
  readonly rows?: LongList
  /** Takes the place of `after`, where the state has given any cursor. */
  readonly cursor?: number
}

const goodId = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<JsonValue[]>(1, 2, 3) },
  { weight: 3, arbitrary: fc.constantFrom<JsonValue[]>('2', 4, 7, 'x', '01', '1.0', '-0', '-1', 0, 'constructor') },
)
const id = fc.oneof(
  { weight: 40, arbitrary: goodId },
  { weight: 1, arbitrary: fc.constantFrom<JsonValue[]>(1.5, 2 ** 53, '', {}, null, 2 ** 53 - 1, '9007199254740991') },
)

const value = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom<JsonValue[]>(0, 1, 2) },
  { weight: 1, arbitrary: fc.constantFrom<JsonValue[]>('text', null, true, [1], { constructor: 1 }) },
)

// Most records have the same fields, or else every write would be refused.
const fieldNames = fc.oneof(
  { weight: 16, arbitrary: fc.constant(['n', 'constructor']) },
  { weight: 1, arbitrary: fc.constantFrom(['constructor', '10', 'n'], ['n'], ['extra', 'n', 'constructor']) },
)
const fields = fieldNames.chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, value]))))
const record: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 3, arbitrary: fields },
  { weight: 1, arbitrary: fc.tuple(fields, id).map(([rest, own]) => ({ ...rest, id: own })) },
)
const patch: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(fc.constantFrom('n', 'constructor'), value) },
  { weight: 1, arbitrary: record },
)
const row: fc.Arbitrary<JsonValue> = fc.oneof(
  { weight: 60, arbitrary: record },
  { weight: 1, arbitrary: fc.constantFrom<JsonValue[]>(null, 7, []) },
)

const schema = fc.constantFrom<JsonObject[]>(
  { type: 'object', properties: { n: { type: 'integer' }, constructor: {} }, required: ['n'] },
  { properties: { n: { type: 'integer' }, constructor: true, extra: {} } },
)
const bound = fc.integer({ min: 1, max: 5 })
const limit = fc.oneof({ weight: 20, arbitrary: bound }, { weight: 1, arbitrary: fc.constantFrom(0, 1.5) })

function command(cmd: string, given: Record<string, fc.Arbitrary<JsonValue>>): fc.Arbitrary<JsonObject> {
  return fc.record({ cmd: fc.constant(cmd), ...given })
}

/** A command with any of some optional fields. */
function having(base: fc.Arbitrary<JsonObject>, given: Record<string, fc.Arbitrary<JsonValue>>) {
  const optional = fc.record(given, { requiredKeys: [] }) as fc.Arbitrary<JsonObject>
  return fc.tuple(base, optional).map(([always, sometimes]): JsonObject => ({ ...always, ...sometimes }))
}

type State = fc.Arbitrary<string>

function createState(state: State): fc.Arbitrary<JsonObject> {
  const plain = command('CREATE_STATE', { state })
  return fc.oneof(
    { weight: 3, arbitrary: plain },
    { weight: 2, arbitrary: having(plain, { max_length: bound }) },
    { weight: 1, arbitrary: having(plain, { max_length: bound, schema }) },
    {
      weight: 1,
      arbitrary: having(plain, {
        fields: fc.constantFrom<string[]>(['n'], ['id'], []),
        next_id: fc.nat(5).map((n) => n + 1),
      }),
    },
  )
}

function smallCommand(state: State): fc.Arbitrary<JsonObject> {
  const alterations = {
    max_length: fc.oneof(bound, fc.constant(null)),
    add_fields: fc.constantFrom<JsonObject[]>({ extra: 1 }, { n: 'no integer' }, { extra: null, n: 2 }, { id: 1 }, {}),
    drop_fields: fc.constantFrom<string[][]>(['extra'], ['n'], ['constructor', 'n'], ['z', 'a'], ['id'], []),
  }
  return fc.oneof(
    { weight: 2, arbitrary: createState(state) },
    { weight: 1, arbitrary: command('DELETE_STATE', { state }) },
    { weight: 1, arbitrary: command('GET_STATE_INFO', { state }) },
    { weight: 1, arbitrary: command('GET_SCHEMA', { state }) },
    { weight: 2, arbitrary: command('SET_STATE', { state, data: fc.array(row, { maxLength: 6 }) }) },
    { weight: 10, arbitrary: command('CREATE_RECORD', { state, data: record }) },
    {
      weight: 7,
      arbitrary: command('SET_RECORD', { state, id, data: fc.oneof({ weight: 4, arbitrary: fields }, record) }),
    },
    { weight: 7, arbitrary: command('PATCH_RECORD', { state, id, data: patch }) },
    { weight: 5, arbitrary: command('DELETE_RECORD', { state, id }) },
    { weight: 3, arbitrary: command('GET_RECORD', { state, id }) },
    { weight: 2, arbitrary: having(command('ALTER_STATE', { state }), alterations) },
    { weight: 1, arbitrary: command('RESERVE_IDS', { state, count: fc.integer({ min: 1, max: 3 }) }) },
  )
}

function listRecords(state: State): fc.Arbitrary<Step> {
  const list = having(command('LIST_RECORDS', { state }), { limit })
  return fc.oneof(
    list.map((given) => ({ command: given })),
    fc.tuple(list, fc.nat({ max: 20 })).map(([given, cursor]) => ({ command: given, cursor })),
  )
}

function listStates(state: State): fc.Arbitrary<JsonObject> {
  return having(command('LIST_STATES', {}), { prefix: fc.constantFrom('', 'c', 'c{'), after: state, limit })
}

function smallStep(state: State): fc.Arbitrary<Step> {
  return fc.oneof(
    { weight: 8, arbitrary: smallCommand(state).map((given) => ({ command: given })) },
    { weight: 1, arbitrary: listRecords(state) },
  )
}

const anyState: State = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b') },
  { weight: 1, arbitrary: fc.constantFrom('c{x}', '\u{1f600}', '\uffff') },
)
const hours = fc.constantFrom(3_600, 7_200)
const keyStep = keyCommand(fc.constantFrom('a', 'k', 'k'), hours, hours).map((given): Step => ({ command: given }))
const onKeys = (cmd: string): Step => ({
  command: { cmd, state: 'k', ...(cmd === 'CREATE_STATE' && { kind: 'keys' }) },
})
// No session takes so long that one of these timers fires.
const timerUnitMs = 3_600_000
const machineStates: State = fc.constantFrom('m', 'm', 'a')
const machineStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: machineCommand(machineStates, timerUnitMs).map((given) => ({ command: given })) },
  { weight: 1, arbitrary: createMachine(machineStates, timerUnitMs).map((given) => ({ command: given })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(listInstances(fc.constant('m')), fc.nat({ max: 20 }))
      .map(([given, cursor]) => ({ command: given, cursor })),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('DELETE_STATE', 'GET_STATE_INFO', 'GET_SCHEMA', 'CLEAR_KEYS')
      .map((cmd) => ({ command: { cmd, state: 'm' } })),
  },
)
const boundStep = boundCommand(fc.constant('t')).map((given): Step => ({ command: given }))
const anyStep = fc.oneof(
  { weight: 20, arbitrary: smallStep(anyState) },
  { weight: 12, arbitrary: keyStep },
  { weight: 12, arbitrary: machineStep },
  { weight: 6, arbitrary: boundStep },
  { weight: 1, arbitrary: fc.constantFrom('CREATE_STATE', 'DELETE_STATE', 'GET_STATE_INFO', 'GET_SCHEMA').map(onKeys) },
  { weight: 1, arbitrary: listStates(anyState).map((given): Step => ({ command: given })) },
)
/** Of each kind a state to begin with; keyspaces come to be by themselves. */
const beginning: fc.Arbitrary<Step[]> = fc
  .tuple(
    createState(fc.constant('a')),
    createState(fc.constant('b')),
    createMachine(fc.constant('m'), timerUnitMs),
    createBound(fc.constant('t')),
  )
  .map((all) => [...all, { cmd: 'CREATE_INSTANCE', state: 'm' }].map((given) => ({ command: given })))

// Few of their operations are refused, or else hardly any transaction would come to its end.
const tables: State = fc.constantFrom('a', 'b')
const keyspaces = fc.constantFrom('k', 'l')
const key = fc.constantFrom('x', 'y')
const smallNumber = fc.integer({ min: 0, max: 4 })
const operation: fc.Arbitrary<JsonObject> = fc.oneof(
  { weight: 4, arbitrary: command('CREATE_RECORD', { state: tables, data: fc.record({ n: value }) }) },
  { weight: 4, arbitrary: command('SET_RECORD', { state: tables, id: goodId, data: fc.record({ n: value }) }) },
  { weight: 4, arbitrary: command('PATCH_RECORD', { state: tables, id: goodId, data: fc.record({ n: value }) }) },
  { weight: 4, arbitrary: command('DELETE_RECORD', { state: tables, id }) },
  {
    weight: 1,
    arbitrary: command('SET_STATE', { state: tables, data: fc.array(fc.record({ n: value }), { maxLength: 4 }) }),
  },
  { weight: 8, arbitrary: command('PUSH_LIST', { state: keyspaces, key, item: value }) },
  { weight: 6, arbitrary: command('POP_LIST', { state: keyspaces, key }) },
  { weight: 4, arbitrary: command('DELETE_KEY', { state: keyspaces, key }) },
  { weight: 2, arbitrary: command('INCREMENT_KEY', { state: keyspaces, key: fc.constant('count') }) },
  { weight: 1, arbitrary: command('CREATE_KEY', { state: keyspaces, key, value }) },
  { weight: 1, arbitrary: command('CLEAR_KEYS', { state: keyspaces }) },
  {
    weight: 1,
    arbitrary: fc.record({ check: fc.record({ state: keyspaces, key, version: smallNumber }) }),
  },
  { weight: 1, arbitrary: fc.record({ check: fc.record({ state: tables, id: goodId, exists: fc.boolean() }) }) },
  { weight: 1, arbitrary: fc.record({ check: fc.record({ state: tables, id: goodId, revision: smallNumber }) }) },
)
const transaction = command('TRANSACTION', { ops: fc.array(operation, { minLength: 1, maxLength: 8 }) })

/** Transactions over tables and keyspaces, between commands that come one at a time. */
export const transactionSession: fc.Arbitrary<Step[][]> = fc
  .tuple(
    fc.tuple(createState(fc.constant('a')), createState(fc.constant('b'))),
    fc.array(
      fc.oneof(
        { weight: 3, arbitrary: transaction },
        { weight: 1, arbitrary: keyStep.map((step) => step.command) },
        { weight: 1, arbitrary: smallCommand(tables) },
      ),
      { maxLength: 60, size: 'max' },
    ),
  )
  .map(([first, steps]) => [...first, ...steps].map((given) => [{ command: given }]))

/** Up to a hundred commands. */
export const session: fc.Arbitrary<Step[]> = fc
  .tuple(beginning, fc.array(anyStep, { maxLength: 100, size: 'max' }))
  .map(([first, steps]) => [...first, ...steps])

/** The same, in bursts of commands that are sent without waiting for the replies in between. */
export const burstSession: fc.Arbitrary<Step[][]> = fc
  .tuple(beginning, fc.array(fc.array(anyStep, { minLength: 1, maxLength: 12, size: 'max' })))
  .map(([first, bursts]) => [first, ...bursts])

// What takes long: commands over more records than are decided in one go. Two states, so that one of them is free.
const fewStates: State = fc.constantFrom('a', 'b')
const longList: fc.Arbitrary<LongList> = fc.record({
  count: fc.integer({ min: 1_001, max: 2_500 }),
  namedEvery: fc.constantFrom(3, 400, 10_000),
  badRow: fc.oneof(
    { weight: 4, arbitrary: fc.constant(-1) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2_500 }) },
  ),
})
const alterBack = fc.constantFrom<JsonObject[]>(
  { add_fields: { extra: 1 } },
  { drop_fields: ['extra'] },
  { drop_fields: ['n'], add_fields: { n: 5 } },
  { max_length: 1_500 },
  { max_length: null },
)
const bigStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(command('SET_STATE', { state: fewStates }), longList)
      .map(([given, rows]) => ({ command: given, rows })),
  },
  { weight: 2, arbitrary: command('LIST_RECORDS', { state: fewStates }).map((given) => ({ command: given })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(command('ALTER_STATE', { state: fewStates }), alterBack)
      .map(([given, changes]) => ({ command: { ...given, ...changes } })),
  },
)
const bigBurst = fc.array(fc.oneof({ weight: 1, arbitrary: bigStep }, { weight: 3, arbitrary: smallStep(fewStates) }), {
  minLength: 1,
  maxLength: 12,
  size: 'max',
})

// What long lists leave out is filled in, and asked for where they name a record.
const rowMachine = { field: 'status', definition: { initial: 'open', states: { open: {} } } }

/** Bursts among whose commands are big ones. No lists of all states: those do not wait for a big command on one. */
export const bigSession: fc.Arbitrary<Step[][]> = fc
  .tuple(fc.array(bigBurst, { minLength: 1, maxLength: 4 }), fc.constantFrom<JsonObject[]>({}, { machine: rowMachine }))
  .map(([bursts, more]) => [
    [{ command: { cmd: 'CREATE_STATE', state: 'a' } }, { command: { cmd: 'CREATE_STATE', state: 'b', ...more } }],
    ...bursts,
  ])

/** The rows that a LongList stands for. */
export function rowsOf({ count, namedEvery, badRow }: LongList): JsonObject[] {
  return Array.from({ length: count }, (_, index) => {
    if (index === badRow) return { strange: true }
    const fields = { n: index, constructor: null }
    return index % namedEvery === namedEvery - 1 ? { ...fields, id: 2 * index } : fields
  })
}
