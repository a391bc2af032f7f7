// What a program of one's own may use of Holdfast: the engine, embedded, its tables, keyspaces and machines, and its refusals.
export type { Durability } from './base/durability.ts'
export type { Limits } from './base/limits.ts'
export type { Log } from './base/log.ts'
export type { CachedOptions, CachedTable } from './client/cached-table.ts'
export type { CallOptions } from './client/caller.ts'
export { HoldfastError, type HoldfastErrorCode } from './client/error.ts'
export type { Entry } from './client/key-values.ts'
export type { Keys } from './client/keys.ts'
export type { Instance, Machine, Occurrence } from './client/machine.ts'
export type { Queue, QueueItem } from './client/queue.ts'
export type { StoredRecord } from './client/rows.ts'
export type { NewSnapshot, RestoredSnapshot, Snapshot, Snapshots } from './client/snapshots.ts'
export type { Table } from './client/table.ts'
export type { Transaction } from './client/transaction.ts'
export type { Watch, WatchOptions } from './client/watch.ts'
export type { Cursor, WatchAll, WatchAllOptions } from './client/watch-all.ts'
export type {
  ChangeEvent,
  ChangeType,
  LaggedEvent,
  ListedEvent,
  ReadyEvent,
  WatchEvent,
} from './client/watch-events.ts'
export { type Engine, type EngineOptions, openEngine } from './engine.ts'
export { type ErrorCode, isErrorCode, isRetryable, mayHaveRun } from './protocol/errors.ts'
export type { ChangeView, Delta, Extension, OnChange, OnTransition, Validate } from './protocol/hooks.ts'
export type { StateValue } from './protocol/state-value.ts'
export type { JsonObject, JsonValue } from './protocol/value.ts'
