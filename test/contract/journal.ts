// What every journal has to keep to. A driver's test calls this with a way to open it, and adds its own cases.
import { describe, expect, it } from 'vitest'
import type { Journal, Mark } from '../../src/journal/journal.ts'
import { approximateBytes, type JsonObject, type JsonValue } from '../../src/protocol/value.ts'
import { apply, type Change } from '../../src/state/change.ts'
import { Directory } from '../../src/state/directory.ts'
import { Records, type TableHeader } from '../../src/state/table.ts'
import { contentsOf } from '../support/contents.ts'
import { startedOn } from '../support/shard-harness.ts'

export interface JournalUnderTest {
  readonly name: string
  /** Whether a journal that is opened again has what the closed one committed. */
  readonly survivesReopening: boolean
  /** Makes a fresh place, and answers with a function that opens a journal on it, each time the same place. */
  readonly prepare: () => Promise<() => Promise<Journal>>
}

const header: TableHeader = {
  fields: new Set(['id', 'name']),
  schema: undefined,
  maxLength: null,
  nextId: 1,
  nextOrder: 1,
  generation: 1,
}

function stateCreated(state: string): Change {
  const after = { header, records: new Records() }
  return { subject: 'state', type: 'state_created', state, version: 0, at: 0, before: undefined, after }
}

function recordCreated(state: string, version: number, name: string): Change {
  const counted = { ...header, nextId: version + 1, nextOrder: version + 1 }
  const record = { id: version, name }
  return {
    subject: 'record',
    type: 'created',
    state,
    version,
    at: 0,
    id: version,
    order: version,
    before: undefined,
    after: { record, revision: version, bytes: approximateBytes(record) },
    header: { before: header, after: counted },
  }
}

const flow = {
  initial: 'open',
  states: { open: { on: { WORK: 'busy' } }, busy: { on: { DONE: 'done', DROP: 'open' } }, done: { type: 'final' } },
}
const timed = {
  initial: 'active',
  states: {
    active: {
      on: { TOUCH: { target: 'active', reenter: true }, CLOSE: 'closed', WAIT: 'asked' },
      after: { 10_000: 'idle' },
    },
    asked: {
      type: 'parallel',
      on: { BACK: 'active' },
      states: {
        left: { initial: 'one', states: { one: { on: { NEXT: 'two' } }, two: {}, last: { type: 'history' } } },
        right: { initial: 'calm', states: { calm: { after: { 7_000: 'late', 3_000: 'calm' } }, late: {} } },
      },
    },
    idle: { on: { TOUCH: 'active' }, after: { 5_000: 'closed' } },
    closed: { type: 'final' },
  },
}

const onKey = (cmd: string, more: JsonObject = {}): JsonObject => ({ cmd, state: 's', key: 'k', ...more })
const onMachine = (cmd: string, more: JsonObject = {}): JsonObject => ({ cmd, state: 's', ...more })
const createMachine = onMachine('CREATE_STATE', { kind: 'machine', definition: timed })
const send = (id: number | string, event: string, data?: JsonObject): JsonObject =>
  onMachine('SEND_EVENT', { id, event, ...(data && { data }) })

/** What is done to a shard, burst after burst, or how many milliseconds pass. */
const doings: readonly (readonly [title: string, steps: readonly (number | readonly JsonObject[])[]])[] = [
  [
    'keys with values of every type, their ends and their versions',
    [
      [onKey('SET_KEY', { value: 1 }), onKey('SET_KEY', { key: '17/1', value: null, ttl: 7 })],
      [onKey('SET_KEY', { key: '/\u{1f600}/', value: { a: [1, { b: 'c' }] } }), onKey('INCREMENT_KEY', { by: 0.5 })],
      [
        onKey('SET_KEY', { key: 'bytes', value: 'QQ==', encoding: 'base64' }),
        onKey('SET_KEY', { key: 'gone', value: 1 }),
      ],
      [onKey('SET_TTL', { ttl: 3_600 }), onKey('DELETE_KEY', { key: 'gone' })],
      1_500,
      [onKey('COMPARE_SWAP', { old: 1.5, new: 'text' }), onKey('SET_TTL', { key: '17/1', ttl: null })],
    ],
  ],
  [
    'keys that came to their end, and those that wait for theirs',
    [
      [onKey('SET_KEY', { value: 1, ttl: 5 }), onKey('SET_KEY', { key: 'b', value: [1], ttl: 6 })],
      [onKey('SET_KEY', { key: 'c', value: 1, ttl: 900 }), onKey('SET_KEY', { key: 'd', value: 1, ttl: 100 })],
      5_500,
      [onKey('GET_KEY')],
    ],
  ],
  [
    'lists that grew and shrank at both ends',
    [
      [
        onKey('SET_KEY', { value: ['a', [], null] }),
        onKey('PUSH_LIST', { item: 1 }),
        onKey('PUSH_LIST', { item: 2, end: 'first' }),
      ],
      [onKey('PUSH_LIST', { item: 3, end: 'first' }), onKey('POP_LIST'), onKey('PUSH_LIST', { key: 'new', item: 1 })],
      Array.from({ length: 15 }, (_, item) => onKey('PUSH_LIST', { key: 'long', item, end: 'first' })),
      Array.from({ length: 25 }, (_, item) => onKey('PUSH_LIST', { key: 'long', item })),
      [
        onKey('POP_LIST', { end: 'first' }),
        onKey('PUSH_LIST', { key: 'empty', item: 1 }),
        onKey('POP_LIST', { key: 'empty' }),
      ],
      [onKey('SET_TTL', { key: 'long', ttl: 3_600 })],
    ],
  ],
  [
    'lists that were replaced, deleted and made again, also in the commit that filled them',
    [
      [onKey('SET_KEY', { value: [1, 2, 3] }), onKey('PUSH_LIST', { item: 4 }), onKey('SET_KEY', { value: [5] })],
      [onKey('POP_LIST'), onKey('SET_KEY', { value: [6, 7] }), onKey('PUSH_LIST', { item: 8, end: 'first' })],
      [
        onKey('SET_KEY', { key: 'l', value: [1] }),
        onKey('POP_LIST', { key: 'l', lease: 9 }),
        onKey('SET_KEY', { key: 'l', value: 0 }),
      ],
      [
        onKey('SET_KEY', { key: 'm', value: [1, 2] }),
        onKey('DELETE_KEY', { key: 'm' }),
        onKey('PUSH_LIST', { key: 'm', item: 3 }),
      ],
    ],
  ],
  [
    'items on a lease, those that came back, and the tokens of those that are out',
    [
      [onKey('SET_KEY', { value: [{ job: 1 }, { job: 2 }, { job: 3 }, { job: 4 }] })],
      [onKey('POP_LIST', { lease: 60, end: 'first' }), onKey('POP_LIST', { lease: 2, end: 'first' })],
      [onKey('POP_LIST', { lease: 90, end: 'first' }), onKey('POP_LIST', { lease: 90.5 })],
      [onKey('ACK_ITEM', { token: 2 }), onKey('RETURN_ITEM', { token: 4 })],
      2_500,
      [onKey('GET_KEY')],
    ],
  ],
  [
    'keys that were written after all others were cleared, in one commit',
    [
      [onKey('SET_KEY', { value: [1, 2] }), onKey('SET_KEY', { key: 'b', value: 1 })],
      [
        onKey('PUSH_LIST', { item: 3 }),
        { cmd: 'CLEAR_KEYS', state: 's' },
        onKey('SET_KEY', { value: [4] }),
        onKey('PUSH_LIST', { item: 5 }),
        onKey('POP_LIST', { lease: 60 }),
      ],
      [onKey('PUSH_LIST', { key: 'ab', item: 1 }), { cmd: 'CLEAR_KEYS', state: 's', pattern: 'a*' }],
    ],
  ],
  [
    'instances with their context, timers, revisions and past',
    [
      [
        createMachine,
        onMachine('CREATE_INSTANCE', { context: { by: 'Ann' } }),
        onMachine('CREATE_INSTANCE', { id: 'b' }),
      ],
      [send(1, 'TOUCH', { n: 1 }), send('b', 'WAIT'), onMachine('CREATE_INSTANCE')],
      3_500,
      [send('b', 'NEXT'), send('b', 'BACK'), send('b', 'WAIT')],
      6_700,
      [onMachine('GET_INSTANCE', { id: 1 }), onMachine('DELETE_INSTANCE', { id: 2 }), onMachine('CREATE_INSTANCE')],
    ],
  ],
  [
    'no more of a past than is kept of it',
    [
      [{ ...createMachine, history_limit: 3 }, onMachine('CREATE_INSTANCE'), onMachine('CREATE_INSTANCE', { id: 'b' })],
      Array.from({ length: 9 }, () => send(1, 'TOUCH')),
      [send('b', 'TOUCH'), send(1, 'CLOSE'), onMachine('SET_DEFINITION', { definition: timed, history_limit: 0 })],
      [send('b', 'TOUCH')],
    ],
  ],
  [
    'instances that were moved into another definition',
    [
      [createMachine, onMachine('CREATE_INSTANCE'), onMachine('CREATE_INSTANCE'), send(1, 'TOUCH')],
      [
        send(2, 'CLOSE'),
        onMachine('SET_DEFINITION', { definition: flow, migrate: { active: 'busy', closed: 'done' } }),
        send(1, 'DROP'),
      ],
      [send(1, 'WORK')],
    ],
  ],
  [
    'tables with a field that follows a machine',
    [
      [{ cmd: 'CREATE_STATE', state: 's', machine: { field: 'status', definition: flow }, max_length: 9 }],
      [
        { cmd: 'CREATE_RECORD', state: 's', data: { name: 'Ann' } },
        { cmd: 'SET_RECORD', state: 's', id: 'b', data: { name: 'Bob' } },
      ],
      [{ cmd: 'PATCH_RECORD', state: 's', id: 1, data: { status: 'busy' } }],
      [{ cmd: 'ALTER_STATE', state: 's', add_fields: { extra: 1 } }],
    ],
  ],
  [
    'states that came back as another kind, also within a commit',
    [
      [createMachine, onMachine('CREATE_INSTANCE'), send(1, 'TOUCH')],
      [{ cmd: 'DELETE_STATE', state: 's' }, onKey('SET_KEY', { value: [1] }), onKey('PUSH_LIST', { item: 2 })],
      [{ cmd: 'DELETE_STATE', state: 's' }],
      [
        { cmd: 'CREATE_STATE', state: 's' },
        { cmd: 'CREATE_RECORD', state: 's', data: { n: 1 } },
        { cmd: 'DELETE_STATE', state: 's' },
        createMachine,
      ],
      [
        onMachine('CREATE_INSTANCE', { id: 7 }),
        { cmd: 'CREATE_STATE', state: 'other', kind: 'keys' },
        { cmd: 'DELETE_STATE', state: 'other' },
      ],
    ],
  ],
]

export function describeJournal({ name, survivesReopening, prepare }: JournalUnderTest): void {
  describe(`${name} keeps the contract of a journal`, () => {
    const history = [
      [stateCreated('a'), recordCreated('a', 1, 'one')],
      [recordCreated('a', 2, 'two'), stateCreated('b')],
    ]

    /** Commits as a shard does, which applies what it decided first. */
    async function write(journal: Journal): Promise<Directory> {
      const directory = new Directory(10)
      await journal.recover(directory)
      for (const [index, changes] of history.entries()) {
        for (const change of changes) apply(directory, change)
        expect(await journal.commit({ number: index + 1, changes, staged: [] })).toEqual({ outcome: 'committed' })
      }
      return directory
    }

    it('has nothing in a fresh place', async () => {
      const journal = await (await prepare())()
      const directory = new Directory(10)
      expect(await journal.recover(directory)).toBe(0)
      expect(contentsOf(directory)).toEqual(contentsOf(new Directory(10)))
      await journal.close()
    })

    it(`${survivesReopening ? 'gives back' : 'has lost'} what was committed once it is opened again`, async () => {
      const open = await prepare()
      const journal = await open()
      const written = await write(journal)
      await journal.close()

      const again = await open()
      const recovered = new Directory(10)
      expect(await again.recover(recovered)).toBe(survivesReopening ? history.length : 0)
      expect(contentsOf(recovered)).toEqual(contentsOf(survivesReopening ? written : new Directory(10)))
      await again.close()
    })

    it.each(doings)(`${survivesReopening ? 'gives back' : 'has lost'} %s`, async (_, steps) => {
      const open = await prepare()
      const written = await startedOn(await open())
      for (const step of steps) {
        if (typeof step === 'number') written.harness.advance(step)
        else {
          const ids = written.harness.post(...step)
          await written.harness.idle()
          for (const [index, id] of ids.entries()) {
            expect(written.harness.reply(id), JSON.stringify(step[index])).toMatchObject({ status: 'ok' })
          }
        }
        await written.harness.idle()
      }
      await written.harness.shard.stop()
      const before = contentsOf(written.directory)
      expect(before).toMatchObject({ states: [{ name: 's' }] })

      const again = await open()
      const recovered = new Directory(10)
      await again.recover(recovered)
      expect(contentsOf(recovered)).toEqual(survivesReopening ? before : contentsOf(new Directory(10)))
      await again.close()
    })

    it(`${survivesReopening ? 'gives back' : 'has lost'} the marks that stand, and none that were removed`, async () => {
      const open = await prepare()
      const journal = await open()
      await journal.recover(new Directory(10))
      const mark = (table: Mark['table'], key: string, value: JsonValue): Mark => ({
        table,
        routingKey: 'a',
        key,
        value,
      })
      const standing = [mark('decided', '1', { participants: [1] }), mark('prepared', '2', { operations: ['x'] })]
      const gone = mark('prepared', '3', {})
      const commit = { changes: [], staged: [], isSecured: true }
      await journal.commit({ ...commit, number: 1, marks: [gone, ...standing] })
      await journal.commit({ ...commit, number: 2, marks: [{ ...gone, value: undefined }] })
      await journal.close()

      const again = await open()
      const found: Mark[] = []
      await again.recover(new Directory(10), (each) => found.push(each))
      expect(found).toEqual(survivesReopening ? standing : [])
      await again.close()
    })

    it('refuses to leave a gap between commits, and to commit once it is closed', async () => {
      const journal = await (await prepare())()
      await journal.recover(new Directory(10))
      await expect((async () => journal.commit({ number: 2, changes: [], staged: [] }))()).rejects.toThrow()
      await journal.close()
      await expect((async () => journal.commit({ number: 1, changes: [], staged: [] }))()).rejects.toThrow()
    })
  })
}
