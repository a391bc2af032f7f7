// The methods of states, which a client of a daemon and an engine in this process have alike: states by their names, watches
// of them, and transactions over them.
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { type Backup, backupOf, backupTimeoutMs } from './backup.ts'
import { type CachedOptions, CachedTable } from './cached-table.ts'
import type { CallOptions } from './caller.ts'
import { Keys } from './keys.ts'
import { LockMethods } from './lock-methods.ts'
import { Machine } from './machine.ts'
import type { JsonFields } from './rows.ts'
import { Snapshots } from './snapshots.ts'
import { Table } from './table.ts'
import { type ResultsOf, runTransaction, type Transaction } from './transaction.ts'
import { Watch, type WatchOptions, type WatchSource } from './watch.ts'
import { WatchAll, type WatchAllOptions } from './watch-all.ts'

export abstract class StateMethods extends LockMethods {
  /** What a watch is fed from, as it stands when the watch begins. */
  protected abstract get watchSource(): WatchSource

  /** A table by its name, whether it exists or not. Nothing is run. */
  table<Row extends JsonFields<Row> = JsonObject>(name: string): Table<Row> {
    return new Table<Row>(this.caller, name)
  }

  /** A keyspace by its name, whether it exists or not. Nothing is run. */
  keys<Value = JsonValue>(name = 'default'): Keys<Value> {
    return new Keys<Value>(this.caller, name)
  }

  /** A machine by its name, whether it is defined or not. Nothing is run. */
  machine<
    Context extends JsonFields<Context> = JsonObject,
    State extends string = string,
    Event extends string = string,
  >(name: string): Machine<Context, State, Event> {
    return new Machine<Context, State, Event>(this.caller, name)
  }

  /** What states held at moments that were kept. Nothing is run. */
  get snapshots(): Snapshots {
    return new Snapshots(this.caller)
  }

  /**
   * Tells what stands in a state of any kind, or with `since` what happened after that version, and then whatever happens:
   * each change once and in order, over lost connections and restarts of the server. It ends with its loop, its signal,
   * or the client or engine.
   */
  watch(state: string, options?: WatchOptions): Watch {
    return new Watch(this.watchSource, state, options)
  }

  /** The same of several states, with a cursor from which a later watch goes on. */
  watchAll(states: readonly string[], options?: WatchAllOptions): WatchAll {
    return new WatchAll(this.watchSource, states, options)
  }

  /**
   * A local copy of a table, kept current by a watch: `await cached.ready()`, and then `cached.get(id)` asks nobody. Close it
   * when it is not needed any more.
   */
  cached<Row extends JsonFields<Row> = JsonObject>(name: string, options?: CachedOptions): CachedTable<Row> {
    return new CachedTable<Row>(this.watchSource, name, options)
  }

  /**
   * Copies everything as it stands at one moment into a new folder of this name, in the folder of the server's backups, while
   * all goes on. Resolves once the copy is on the disk; it is given an hour, unless `timeoutMs` says how long. Rejects with
   * `BACKUP_EXISTS` for a name that is taken.
   */
  backup(name: string, options?: CallOptions): Promise<Backup> {
    return this.caller.run('BACKUP', '', { name }, backupOf, { timeoutMs: backupTimeoutMs, ...options })
  }

  /**
   * Runs checks and writes on any states in one step, all of them or none. `build` notes them, synchronously, and returns
   * those whose results are wanted, as a list; this resolves to their results. Where one is refused nothing has happened:
   * `TRANSACTION_FAILED`, with the place of the operation as `index` and its refusal as `cause` in the details.
   */
  transaction<const Writes extends readonly unknown[]>(
    build: (transaction: Transaction) => Writes,
    options?: CallOptions,
  ): Promise<ResultsOf<Writes>> {
    return runTransaction(this.caller, build, options)
  }
}
