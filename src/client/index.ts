// The client library, imported as `holdfast/client`: what a program that talks to a server needs, and nothing else.
// Importing it opens nothing and loads no native code.
export type { Fence, RecordId } from '../protocol/arguments.ts'
export type { StateValue } from '../protocol/state-value.ts'
export type { JsonObject, JsonValue } from '../protocol/value.ts'
export type { Backup } from './backup.ts'
export type { CachedOptions, CachedTable } from './cached-table.ts'
export type { CallOptions } from './caller.ts'
export { type Client, type CloseOptions, type ConnectOptions, connect, type StatesOptions } from './client.ts'
export { HoldfastError, type HoldfastErrorCode } from './error.ts'
export type { WriteCallOptions } from './fence.ts'
export type { ExtendOptions, HeldLock, LockOptions, WaitingLockOptions } from './held-lock.ts'
export type { InstanceList, InstanceListOptions, InstancePage, ListedInstance } from './instance-list.ts'
export type { KeyList, KeyListOptions, KeyPage } from './key-list.ts'
export type { Entry } from './key-values.ts'
export type { Expected, GetOptions, Keys, ListEnd, PopOptions, PushOptions, WriteOptions } from './keys.ts'
export type { LockScope, OwnerOptions } from './lock-methods.ts'
export type {
  DefineOptions,
  Instance,
  Machine,
  NewInstance,
  Occurrence,
  RedefineOptions,
  SendOptions,
  Transition,
} from './machine.ts'
export type { ListOptions } from './paged-list.ts'
export type { Queue, QueueItem, QueueOptions, TakeOptions } from './queue.ts'
export type { Page, RecordList } from './record-list.ts'
export type { FieldsOf, IdOf, JsonFields, NewRecord, Storable, StoredRecord } from './rows.ts'
export type { ServerInfo, ServerLimits } from './server-info.ts'
export type { NewSnapshot, RestoredSnapshot, Snapshot, SnapshotOptions, Snapshots } from './snapshots.ts'
export type {
  AlterTableOptions,
  CreateTableOptions,
  RecordCondition,
  RecordEntry,
  RecordWriteOptions,
  Replaced,
  Table,
  TableInfo,
  TableSchema,
} from './table.ts'
export type {
  Check,
  ResultsOf,
  Transaction,
  TransactionKeys,
  TransactionMachine,
  TransactionTable,
} from './transaction.ts'
export type { UpdateOptions } from './update.ts'
export type { Watch, WatchOptions } from './watch.ts'
export type { Cursor, WatchAll, WatchAllOptions } from './watch-all.ts'
export type { ChangeEvent, ChangeType, LaggedEvent, ListedEvent, ReadyEvent, WatchEvent } from './watch-events.ts'
