// Transactions: the same methods of tables, keyspaces and machines, whose commands are gathered instead of sent, and then run
// all at once or not at all. Works over whoever can run commands.
import { declarationOf } from '../protocol/commands.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { errorOfRefusal } from './error.ts'
import { given } from './given.ts'
import { Keys } from './keys.ts'
import { Machine } from './machine.ts'
import type { JsonFields } from './rows.ts'
import { Table } from './table.ts'

/** What has to stand of a key, or of a record or an instance by its id; at least one of the last three. */
export type Check = (
  | { readonly state?: string; readonly key: string; readonly id?: undefined; readonly version?: number | undefined }
  | { readonly state: string; readonly id: number | string; readonly key?: undefined; readonly version?: undefined }
) & { readonly revision?: number | undefined; readonly exists?: boolean | undefined }

export type TransactionTable<Row extends JsonFields<Row>> = Pick<
  Table<Row>,
  'name' | 'replace' | 'insert' | 'set' | 'patch' | 'delete'
>

export type TransactionKeys<Value> = Pick<
  Keys<Value>,
  | 'name'
  | 'set'
  | 'setJson'
  | 'delete'
  | 'clear'
  | 'setTtl'
  | 'increment'
  | 'decrement'
  | 'append'
  | 'compareSwap'
  | 'compareAndSet'
  | 'createIfNotExists'
  | 'listPush'
  | 'listPop'
>

export type TransactionMachine<Context extends JsonFields<Context>, State extends string, Event extends string> = Pick<
  Machine<Context, State, Event>,
  'name' | 'create' | 'send' | 'delete'
>

/** The promises that a transaction is built of become its results. */
export type ResultsOf<Writes extends readonly unknown[]> = { -readonly [Index in keyof Writes]: Awaited<Writes[Index]> }

/**
 * Builds a transaction: each method notes an operation. What it returns is settled only when the transaction has run, so
 * it cannot be waited for while building.
 */
export class Transaction {
  readonly #caller: Caller
  readonly #note: (op: JsonObject) => Promise<JsonObject>

  /** Use `client.transaction` or `engine.transaction`. */
  constructor(note: (op: JsonObject) => Promise<JsonObject>) {
    this.#note = note
    this.#caller = {
      run(name, state, args, read) {
        if (declarationOf(name).transactional !== true) {
          throw errorOfRefusal(invalidRequest(`${name} cannot be an operation of a transaction`))
        }
        return note({ cmd: name, state, ...args }).then(read)
      },
    }
  }

  /** Has the transaction happen only if this stands before it: otherwise it fails with `VERSION_CONFLICT` as its cause. */
  check({ state, key, id, version, revision, exists }: Check): Promise<void> {
    return this.#note({ check: given({ state, key, id, version, revision, exists }) }).then(() => {})
  }

  table<Row extends JsonFields<Row> = JsonObject>(name: string): TransactionTable<Row> {
    return new Table<Row>(this.#caller, name)
  }

  keys<Value = JsonValue>(name = 'default'): TransactionKeys<Value> {
    return new Keys<Value>(this.#caller, name)
  }

  machine<
    Context extends JsonFields<Context> = JsonObject,
    State extends string = string,
    Event extends string = string,
  >(name: string): TransactionMachine<Context, State, Event> {
    return new Machine<Context, State, Event>(this.#caller, name)
  }
}

/** Runs what `build` notes, in one step. Nothing of it is settled where the transaction is refused. */
export async function runTransaction<const Writes extends readonly unknown[]>(
  caller: Caller,
  build: (transaction: Transaction) => Writes,
  options?: CallOptions,
): Promise<ResultsOf<Writes>> {
  const ops: JsonObject[] = []
  const settles: ((result: JsonObject) => void)[] = []
  let isBuilt = false
  const transaction = new Transaction((op) => {
    if (isBuilt) throw errorOfRefusal(invalidRequest('the transaction was sent already'))
    ops.push(op)
    return new Promise((resolve) => settles.push(resolve))
  })
  const writes = build(transaction)
  isBuilt = true
  if (!Array.isArray(writes))
    throw new TypeError('a transaction is built by a function that returns a list of its operations')
  const results = await caller.run('TRANSACTION', '', { ops }, (reply) => reply.results as JsonObject[], options)
  for (const [index, settle] of settles.entries()) settle(results[index] as JsonObject)
  return (await Promise.all(writes)) as ResultsOf<Writes>
}
