// Transactions with methods, over a connection and over an engine in the same process: one suite, two callers.
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import type { Client, Keys } from '../../src/client/index.ts'
import { type Engine, openEngine } from '../../src/engine.ts'
import { clientAndServer, errorOf } from '../support/clients.ts'

type Owner = Pick<Client & Engine, 'transaction' | 'table' | 'keys' | 'machine'>

async function embedded(): Promise<Owner> {
  const engine = await openEngine({ shards: 0 })
  onTestFinished(() => engine.close())
  return engine
}

async function connected(): Promise<Owner> {
  return (await clientAndServer()).client
}

interface Account {
  owner: string
  cents: number
}

describe.each([
  ['a connection', connected],
  ['an embedded engine', embedded],
])('a transaction over %s', (_, open) => {
  async function bank(): Promise<Owner> {
    const owner = await open()
    await owner.table<Account>('accounts').create()
    await owner.table<Account>('accounts').insert({ owner: 'Ann', cents: 100 })
    await owner.machine('jobs').define({ initial: 'open', states: { open: { on: { END: 'over' } }, over: {} } })
    return owner
  }

  it('resolves to the results of the operations that are asked for, each as its method would', async () => {
    const owner = await bank()
    const results = await owner.transaction((tx) => {
      tx.check({ state: 'accounts', id: 1, revision: 1 }).catch(() => {})
      void tx.keys('log').listPush('moves', 'first')
      return [
        tx.table<Account>('accounts').patch(1, { cents: 70 }),
        tx.table<Account>('accounts').insert({ owner: 'Bob', cents: 30 }),
        tx.keys<number>().increment('moved', 30),
        tx.machine('jobs').create('j'),
        tx.machine('jobs').send('j', 'END'),
        tx.keys('log').listPop<string>('moves'),
        tx.check({ key: 'other', exists: false }),
      ]
    })
    expectTypeOf(results[0]).toEqualTypeOf<boolean>()
    expectTypeOf(results[2]).toEqualTypeOf<number>()
    expectTypeOf(results[5]).toEqualTypeOf<string | undefined>()
    expect(results).toEqual([true, 2, 30, 'j', { from: 'open', to: 'over', changed: true }, 'first', undefined])
    expect(await owner.table<Account>('accounts').get(1)).toEqual({ id: 1, owner: 'Ann', cents: 70 })
  })

  it('rejects with the place and the refusal of an operation, and has done nothing', async () => {
    const owner = await bank()
    const error = await errorOf(
      owner.transaction((tx) => [
        tx.keys().set('a', 1),
        tx.table<Account>('accounts').patch(1, { cents: 70 }, { if: { revision: 9 } }),
      ]),
    )
    expect(error).toMatchObject({ code: 'TRANSACTION_FAILED', retryable: false, mayHaveRun: false })
    expect(error.details).toMatchObject({ index: 1, cause: { code: 'VERSION_CONFLICT', expected: 9, found: 1 } })
    expect(await owner.keys().exists('a')).toBe(false)
  })

  it('sends what its values were when it was built, nested as deep as they may be', async () => {
    const owner = await bank()
    let deep: unknown[] = []
    for (let depth = 1; depth < 64; depth += 1) deep = [deep]
    const value = { list: [1] }
    const running = owner.transaction((tx) => [tx.keys().setJson('a', value), tx.keys<unknown>().setJson('deep', deep)])
    value.list.push(2)
    await running
    expect(await owner.keys().get('a')).toEqual({ list: [1] })
    expect(await owner.keys().get('deep')).toEqual(deep)
  })

  it('is nothing to read in, to wait in, or to go on with', async () => {
    const owner = await bank()
    let kept: { keys(): { set(key: string, value: number): Promise<number> } } | undefined
    await owner.transaction((tx) => {
      kept = tx
      return [tx.keys().set('a', 1)]
    })
    expect(() => kept?.keys().set('b', 1)).toThrow('the transaction was sent already')
    const waiting = owner.transaction((tx) => [tx.keys().listPop('a', { waitMs: 1_000 })])
    expect(await errorOf(waiting)).toMatchObject({ code: 'TRANSACTION_FAILED', details: { index: 0 } })
    // @ts-expect-error: what a transaction is built by returns a list.
    await expect(owner.transaction(async (tx) => [await tx.keys().set('a', 1)])).rejects.toThrow(TypeError)
    const read = owner.transaction((tx) => [(tx.keys() as Keys).get('a')])
    expect(await errorOf(read)).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(await errorOf(owner.transaction(() => []))).toMatchObject({ code: 'INVALID_REQUEST' })
  })
})

describe('many transactions at a time', () => {
  it('are each on their own: none waits for the ones before it', async () => {
    const { client } = await clientAndServer()
    const all = Array.from({ length: 200 }, () =>
      client.transaction((tx) => [tx.keys().increment('count'), tx.keys().increment('again')]),
    )
    expect((await Promise.all(all)).at(-1)).toEqual([200, 200])
  })
})
