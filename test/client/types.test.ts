// What the compiler knows of tables, keyspaces, queues and machines. These tests fail when the tree is compiled; at run time
// they only look whether the functions that they name are there.
import { describe, expect, expectTypeOf, it } from 'vitest'
import type {
  CallOptions,
  Client,
  Entry,
  Fence,
  HeldLock,
  Instance,
  InstanceList,
  JsonObject,
  JsonValue,
  KeyList,
  Keys,
  LockScope,
  Machine,
  Queue,
  QueueItem,
  RecordId,
  RecordList,
  Replaced,
  RestoredSnapshot,
  Snapshot,
  Snapshots,
  StateValue,
  Table,
} from '../../src/client/index.ts'
import { Keys as KeysClass } from '../../src/client/keys.ts'
import { Machine as MachineClass } from '../../src/client/machine.ts'
import { Queue as QueueClass } from '../../src/client/queue.ts'
import { Snapshots as SnapshotsClass } from '../../src/client/snapshots.ts'
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
  for (const [built, method] of [
    [TableClass, 'insert'],
    [KeysClass, 'compareAndSet'],
    [QueueClass, 'take'],
    [MachineClass, 'send'],
  ] as const) {
    expect(Object.getOwnPropertyNames(built.prototype)).toContain(method)
  }
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

interface Deploy {
  version: string
  at?: number
}

const deploys = (): Keys<Deploy> => client.keys<Deploy>('deploys')
const bytes = (): Keys<Uint8Array> => client.keys<Uint8Array>()
const counts = (): Keys<number> => client.keys<number>()
const anyKeys = (): Keys => client.keys()
const v1: Deploy = { version: 'v1' }

describe('the type of a keyspace', () => {
  it('takes and gives values of its type', () => {
    compiled(() => {
      expectTypeOf(deploys().get('a')).resolves.toEqualTypeOf<Deploy | undefined>()
      expectTypeOf(deploys().get('a', { default: v1 })).resolves.toEqualTypeOf<Deploy>()
      expectTypeOf(deploys().get('a', { timeoutMs: 5 })).resolves.toEqualTypeOf<Deploy | undefined>()
      expectTypeOf(deploys().entry('a')).resolves.toEqualTypeOf<Entry<Deploy> | undefined>()
      expectTypeOf(deploys().set('a', v1, { ttlMs: 5 })).resolves.toEqualTypeOf<number>()
      expectTypeOf(deploys().compareAndSet('a', { revision: 3 }, v1)).resolves.toEqualTypeOf<number>()
      expectTypeOf(deploys().compareSwap('a', null, v1)).resolves.toEqualTypeOf<boolean>()
      expectTypeOf(deploys().getTtl('a')).resolves.toEqualTypeOf<number | null | undefined>()
      expectTypeOf(deploys().update('a', (value) => value)).resolves.toEqualTypeOf<Deploy | undefined>()
      expectTypeOf(deploys().keys()).toEqualTypeOf<KeyList>()
      expectTypeOf(counts().increment('a')).resolves.toEqualTypeOf<number>()
      // @ts-expect-error: a field is missing
      void deploys().set('a', { at: 5 })
      // @ts-expect-error: the default is of another type
      void deploys().get('a', { default: 'v0' })
      // @ts-expect-error: the value is of another type
      void counts().compareAndSet('a', 1, 'text')
      // @ts-expect-error: what is made of the value is of another type
      void counts().update('a', () => 'text')
    })
  })

  it('takes bytes where they are said to be its type', () => {
    compiled(() => {
      expectTypeOf(bytes().get('a')).resolves.toEqualTypeOf<Uint8Array | undefined>()
      void bytes().set('a', Buffer.from('a'))
      void client.keys<Deploy | Uint8Array>().set('a', new Uint8Array())
      // @ts-expect-error: this keyspace has no bytes
      void deploys().set('a', new Uint8Array())
    })
  })

  it('lets any JSON pass where nothing is said, and one key be of another type', () => {
    compiled(() => {
      expectTypeOf(anyKeys().get('a')).resolves.toEqualTypeOf<JsonValue | undefined>()
      expectTypeOf(anyKeys().getJson<Deploy>('a')).resolves.toEqualTypeOf<Deploy | undefined>()
      expectTypeOf(anyKeys().listPop<Deploy>('a')).resolves.toEqualTypeOf<Deploy | undefined>()
      void anyKeys().set('a', [1, { deep: null }])
      void anyKeys().setJson<Deploy>('a', v1)
      void anyKeys().listPush('a', v1)
    })
  })

  it('takes nothing that is not JSON', () => {
    compiled(() => {
      // @ts-expect-error: a Date is not JSON
      void client.keys<Date>().set('a', new Date())
      // @ts-expect-error: a bigint is not JSON, however deep it lies
      void client.keys<{ n: bigint }[]>().set('a', [{ n: 5n }])
      // @ts-expect-error: a method is not JSON
      void anyKeys().listPush('a', { save() {} })
      // @ts-expect-error: undefined is not JSON
      void anyKeys().set('a', undefined)
    })
  })

  it('is the same for an embedded engine', () => {
    expectTypeOf<Engine['keys']>().toEqualTypeOf<Client['keys']>()
    compiled((engine?: Engine) => engine?.keys<Deploy>().set('a', v1))
  })
})

describe('the type of a queue', () => {
  it('takes and gives items of its type', () => {
    const queue = (): Queue<Deploy> => anyKeys().queue<Deploy>('a', { leaseMs: 5 })
    compiled(() => {
      expectTypeOf(queue().push(v1)).resolves.toEqualTypeOf<number>()
      expectTypeOf(queue().take({ waitMs: 5 })).resolves.toEqualTypeOf<QueueItem<Deploy> | undefined>()
      expectTypeOf<QueueItem<Deploy>['item']>().toEqualTypeOf<Deploy>()
      // @ts-expect-error: the item is of another type
      void queue().push('v1')
      // @ts-expect-error: bytes are not JSON
      void queue().push(new Uint8Array())
    })
  })
})

interface Source {
  url: string
  worker?: string
}

type SourceState = 'pending' | 'processing' | 'indexed'
type SourceEvent = 'process' | 'complete'

const sources = (): Machine<Source, SourceState, SourceEvent> =>
  client.machine<Source, SourceState, SourceEvent>('sources')
const anyMachine = (): Machine => client.machine('anything')

describe('the type of a machine', () => {
  it('takes and gives contexts of its type', () => {
    compiled(() => {
      expectTypeOf(sources().get(1)).resolves.toEqualTypeOf<Instance<Source, SourceState, SourceEvent>>()
      expectTypeOf<Instance<Source>['context']>().toEqualTypeOf<Source>()
      expectTypeOf(sources().create('a', { url: '/' })).resolves.toEqualTypeOf<RecordId>()
      expectTypeOf(sources().create(undefined, { url: '/' }, { timeoutMs: 5 })).resolves.toEqualTypeOf<RecordId>()
      expectTypeOf(sources().list({ inState: 'indexed' })).toEqualTypeOf<InstanceList<Source, SourceState>>()
      // @ts-expect-error: the context needs a url
      void sources().create('a')
      // @ts-expect-error: a field is of another type
      void sources().create('a', { url: 5 })
      // @ts-expect-error: there is no such field
      void sources().send(1, 'process', { priority: 2 })
      // @ts-expect-error: a Date is not JSON
      client.machine<{ at: Date }>('dates')
    })
  })

  it('knows its states and events, where they are named', () => {
    compiled(() => {
      expectTypeOf(sources().can(1)).resolves.toEqualTypeOf<SourceEvent[]>()
      void sources().send(1, 'process', { worker: 'w1' }, { expected: 'pending' })
      expectTypeOf(sources().send(1, 'process')).resolves.toHaveProperty('to').toEqualTypeOf<StateValue<SourceState>>()
      expectTypeOf<Extract<StateValue<SourceState>, string>>().toEqualTypeOf<SourceState>()
      expectTypeOf<Instance<Source>['value']>().toEqualTypeOf<StateValue>()
      // @ts-expect-error: there is no such state
      void sources().send(1, 'process', {}, { expected: 'failed' })
      // @ts-expect-error: there is no such event
      void sources().send(1, 'start')
      // @ts-expect-error: there is no such state
      void sources().is(1, 'failed')
      // @ts-expect-error: there is no such state
      void sources().list({ inState: 'failed' })
    })
  })

  it('lets any context, state and event pass where nothing is said', () => {
    compiled(() => {
      expectTypeOf(anyMachine().can(1)).resolves.toEqualTypeOf<string[]>()
      void anyMachine().create()
      void anyMachine().create('a', { whatever: [1, { deep: null }] })
      void anyMachine().send('a', 'go', { n: 1 }, { expected: { on: 'playing' } })
    })
  })

  it('is the same for an embedded engine', () => {
    expectTypeOf<Engine['machine']>().toEqualTypeOf<Client['machine']>()
    compiled((engine?: Engine) => engine?.machine<Source>('sources').create(1, { url: '/' }))
  })
})

describe('the types of locks', () => {
  it('are those of what was granted, or of nothing', () => {
    compiled(() => {
      expectTypeOf(client.tryLock('deploy')).resolves.toEqualTypeOf<HeldLock | undefined>()
      expectTypeOf(client.lock('deploy', 60)).resolves.toEqualTypeOf<HeldLock | undefined>()
      expectTypeOf(client.unlock('deploy')).resolves.toEqualTypeOf<boolean>()
      expectTypeOf(client.extendLock('deploy', { ttlMs: 1_000 })).resolves.toEqualTypeOf<boolean>()
      expectTypeOf<Engine['withLock']>().toEqualTypeOf<Client['withLock']>()
      expectTypeOf<HeldLock>().toExtend<Fence>()
      // @ts-expect-error: nobody waits with it
      return client.tryLock('deploy', { waitMs: 5 })
    })
  })

  it('give a function its scope, and what it resolves to', () => {
    compiled(() => {
      expectTypeOf(client.withLock('deploy', () => 5)).resolves.toEqualTypeOf<number>()
      expectTypeOf(client.withLock('deploy', async () => 'done', 15)).resolves.toEqualTypeOf<string>()
      return client.withLock('deploy', (scope) => {
        expectTypeOf(scope).toEqualTypeOf<LockScope>()
        expectTypeOf(scope.signal).toEqualTypeOf<AbortSignal>()
        return leads().patch(1, { status: 'won' }, { fence: scope })
      })
    })
  })

  it('have a fence stand in writes, and not in reads', () => {
    const fence: Fence = { lock: 'deploy', token: 1 }
    compiled(() => leads().insert(ann, { fence }))
    // @ts-expect-error: a read changes nothing
    compiled(() => leads().get(1, { fence }))
    // @ts-expect-error: a fence has a token
    compiled(() => client.keys().set('k', 1, { fence: { lock: 'deploy' } }))
  })
})

describe('snapshots', () => {
  it('are the same of a client and an engine', () => {
    expectTypeOf<Client['snapshots']>().toEqualTypeOf<Snapshots>()
    expectTypeOf<Engine['snapshots']>().toEqualTypeOf<Snapshots>()
    expectTypeOf<ReturnType<Snapshots['list']>>().toEqualTypeOf<Promise<Snapshot[]>>()
    expectTypeOf<ReturnType<Snapshots['restore']>>().toEqualTypeOf<Promise<RestoredSnapshot>>()
    expectTypeOf<Parameters<Snapshots['create']>[0]>().toEqualTypeOf<string>()
    expect(typeof SnapshotsClass.prototype.restore).toBe('function')
  })
})
