// What every journal has to keep to. A driver's test calls this with a way to open it, and adds its own cases.
import { describe, expect, it } from 'vitest'
import type { Journal } from '../../src/journal/journal.ts'
import { apply, type Change } from '../../src/state/change.ts'
import { Directory } from '../../src/state/directory.ts'
import { Records, type TableHeader } from '../../src/state/table.ts'

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
  return {
    subject: 'record',
    type: 'created',
    state,
    version,
    at: 0,
    id: version,
    order: version,
    before: undefined,
    after: { record: { id: version, name }, revision: version, bytes: 20 },
    header: { before: header, after: counted },
  }
}

/** What a reader of the directory sees. */
function contents(directory: Directory) {
  const tables = [...directory.states()].filter((state) => state.kind === 'table')
  return tables.map((table) => ({
    name: table.name,
    version: table.version,
    nextId: table.header.nextId,
    records: [...table.records.ordered.atLeast()].map(({ contents: { record, revision } }) => ({ record, revision })),
  }))
}

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
      expect(contents(directory)).toEqual([])
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
      expect(contents(recovered)).toEqual(survivesReopening ? contents(written) : [])
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
