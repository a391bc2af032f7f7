// What the compiler knows of a table. These tests fail when the tree is compiled; at run time they only look whether the
// functions that they name are there.
import { describe, expect, expectTypeOf, it } from 'vitest'
import type { CallOptions, Client, JsonObject, RecordId, RecordList, Replaced, Table } from '../../src/client/index.ts'
import { Table as TableClass } from '../../src/client/table.ts'
import type { Engine } from '../../src/engine.ts'

interface Lead {
  name: string
  status: 'open' | 'won'
  note?: string
  tags: string[]
}

interface Numbered {
  id: number
  n: number
}

declare const client: Client
const leads = (): Table<Lead> => client.table<Lead>('leads')
const numbered = (): Table<Numbered> => client.table<Numbered>('numbered')
const anything = (): Table => client.table('anything')
const ann: Lead = { name: 'Ann', status: 'open', tags: [] }

/** Compiled, and never called. */
function compiled(_: () => unknown): void {
  expect(Object.getOwnPropertyNames(TableClass.prototype)).toContain('insert')
}

describe('the type of a table', () => {
  it('takes and gives records of its type', () => {
    compiled(() => {
      expectTypeOf(leads().get(1)).resolves.toEqualTypeOf<(Lead & { readonly id: RecordId }) | null>()
      expectTypeOf(leads().insert(ann)).resolves.toEqualTypeOf<RecordId>()
      expectTypeOf(leads().patch(1, { status: 'won' })).resolves.toEqualTypeOf<boolean>()
      expectTypeOf(leads().delete('a')).resolves.toEqualTypeOf<boolean>()
      expectTypeOf(leads().set(1, ann)).resolves.toEqualTypeOf<void>()
      expectTypeOf(leads().replace([ann, { ...ann, id: 'b' }])).resolves.toEqualTypeOf<Replaced>()
      expectTypeOf(leads().list()).toEqualTypeOf<RecordList<Lead & { readonly id: RecordId }>>()
      expectTypeOf<Parameters<Table<Lead>['get']>[1]>().toEqualTypeOf<CallOptions | undefined>()
      // @ts-expect-error: the field is of another type
      void leads().insert({ ...ann, name: 5 })
      // @ts-expect-error: a field is missing
      void leads().set(1, { name: 'Ann', status: 'open' })
      // @ts-expect-error: there is no such field
      void leads().patch(1, { priority: 2 })
      // @ts-expect-error: the id is not a field that could be changed
      void leads().patch(1, { id: 2 })
      // @ts-expect-error: the field has no such value
      void leads().patch(1, { status: 'lost' })
      // @ts-expect-error: no id is of this type
      void leads().get({})
    })
  })

  it('takes the type of the id from the record, where it has one', () => {
    compiled(() => {
      expectTypeOf(numbered().insert({ n: 1 })).resolves.toEqualTypeOf<number>()
      expectTypeOf(numbered().get(1)).resolves.toExtend<Numbered | null>()
      // @ts-expect-error: ids of this table are numbers
      void numbered().get('a')
      // @ts-expect-error: ids of this table are numbers
      void numbered().insert({ id: 'a', n: 1 })
    })
  })

  it('lets any record pass where nothing is said', () => {
    compiled(async () => {
      expectTypeOf(anything().get(1)).resolves.toEqualTypeOf<(JsonObject & { readonly id: RecordId }) | null>()
      await anything().insert({ whatever: [1, { deep: null }] })
    })
  })

  it('must be made of JSON', () => {
    compiled(() => {
      client.table<{ nested: { list: (string | null)[] }[]; more: unknown }>('good')
      // @ts-expect-error: a Date is not JSON
      client.table<{ at: Date }>('dates')
      // @ts-expect-error: a method is not JSON
      client.table<{ save(): void }>('methods')
      // @ts-expect-error: a bigint is not JSON, however deep it lies
      client.table<{ nested: { n: bigint }[] }>('bigints')
      // @ts-expect-error: a string is no record
      client.table<string>('strings')
    })
  })

  it('is the same for an embedded engine', () => {
    expectTypeOf<Engine['table']>().toEqualTypeOf<Client['table']>()
    compiled((engine?: Engine) => engine?.table<Lead>('leads').patch(1, { name: 'Ben' }))
  })
})
