// Changes: what commands decided. Each states what stood before and what stands after, so that applying the inverse is
// undoing, and the journal, watches and replicas can all follow the same ordered stream.
// Invariant: a change that was decided against the current contents can be applied without failing.
import { assert } from '../base/assert.ts'
import type { RecordId } from '../protocol/arguments.ts'
import type { Directory, State } from './directory.ts'
import { inverseInMachine, type MachineChange, setInMachine } from './instance-change.ts'
import { inverseInKeyspace, type KeyspaceChange, setInKeyspace } from './key-change.ts'
import { Keys, Keyspace } from './keyspace.ts'
import { type LockChange, mustBeSecured, setInLocks, undoInLocks } from './lock-change.ts'
import { type MachineParts, MachineState } from './machine-state.ts'
import { type RecordContents, type Records, Table, type TableHeader, type TableParts } from './table.ts'

export interface ChangeBase {
  readonly state: string
  /** The state's version after the change: each change takes exactly one. */
  readonly version: number
  /** When it was decided, in milliseconds since 1970; replay reads no clock. */
  readonly at: number
}

interface HeaderStep {
  readonly before: TableHeader
  readonly after: TableHeader
}

/** One record came, changed or went. */
export interface RecordChange extends ChangeBase {
  readonly subject: 'record'
  readonly type: 'created' | 'updated' | 'deleted'
  readonly id: RecordId
  readonly order: number
  readonly before: RecordContents | undefined
  readonly after: RecordContents | undefined
  /** Present where the write also moved the counters or defined the schema. */
  readonly header: HeaderStep | undefined
}

/** All records were replaced at once, or the table itself was altered. */
export interface TableChange extends ChangeBase {
  readonly subject: 'table'
  readonly type: 'replaced' | 'altered'
  readonly before: TableParts
  readonly after: TableParts
  /** Whether the records of `after` were journalled ahead, as staged; otherwise the change itself brings them. */
  readonly ahead: boolean
}

/** A state came or went, or was restored, with all that it holds. */
export interface StateChange extends ChangeBase {
  readonly subject: 'state'
  readonly type: 'state_created' | 'state_deleted' | 'replaced'
  readonly before: StateParts | undefined
  readonly after: StateParts | undefined
  /** Of a state that is restored. */
  readonly restored?: {
    /** What stood before; that of the snapshot may have been higher. */
    readonly versionBefore: number
    /** Under which its contents were journalled ahead; undefined where the change itself brings them. */
    readonly generation: number | undefined
  }
}

/** What a state of any kind is made of, besides its name and version. */
export type StateParts = TableParts | MachineParts | Keys

/** What happened to a state. */
export type ChangeOfState = RecordChange | TableChange | StateChange | KeyspaceChange | MachineChange
export type Change = ChangeOfState | LockChange

/** Records of a generation to come: journalled before the change that makes them visible, and ignored without it. */
export interface StagedRecords {
  readonly state: string
  readonly generation: number
  readonly records: readonly { readonly order: number; readonly contents: RecordContents }[]
}

/** Whether these have to be on the disk before anybody hears of them, whatever the durability. */
export function isUrgent(changes: readonly Change[]): boolean {
  return changes.some((change) => change.subject === 'lock' && mustBeSecured(change))
}

/** Makes a change true. */
export function apply(directory: Directory, change: Change): void {
  if (change.subject === 'lock') setInLocks(directory.locks, change)
  else set(directory, change, change.version)
}

/** Takes back the newest change of a state or a lock, as if it had never been decided. */
export function undo(directory: Directory, change: Change): void {
  if (change.subject === 'lock') undoInLocks(directory.locks, change)
  else set(directory, inverse(change), versionBefore(change))
}

function versionBefore(change: ChangeOfState): number {
  return (change.subject === 'state' ? change.restored?.versionBefore : undefined) ?? change.version - 1
}

function inverse(change: ChangeOfState): ChangeOfState {
  switch (change.subject) {
    case 'record': {
      const { before: after, after: before, header, ...same } = change
      return { ...same, before, after, header: header && { before: header.after, after: header.before } }
    }
    case 'table':
      return { ...change, before: change.after, after: change.before }
    case 'state':
      return { ...change, before: change.after, after: change.before }
    case 'instance':
    case 'machine':
      return inverseInMachine(change)
    default:
      return inverseInKeyspace(change)
  }
}

/** What a state holds, as a change carries it. */
export function partsOf(state: State): StateParts {
  if (state.kind === 'keys') return state.keys
  return state.kind === 'table'
    ? { header: state.header, records: state.records }
    : { header: state.header, instances: state.instances }
}

/** A state that holds these. */
export function stateOf(name: string, version: number, parts: StateParts): State {
  if (parts instanceof Keys) return new Keyspace(name, version, parts)
  return 'records' in parts ? new Table(name, version, parts) : new MachineState(name, version, parts)
}

function set(directory: Directory, change: ChangeOfState, version: number): void {
  if (change.subject === 'state') {
    if (change.after === undefined) directory.remove(change.state, version)
    else directory.insert(stateOf(change.state, version, change.after))
    return
  }
  const state = directory.get(change.state)
  assert(state !== undefined, 'a change names a state that exists')
  state.version = version
  if (change.subject === 'record' || change.subject === 'table') {
    assert(state.kind === 'table', 'a change of records names a table')
    setInTable(state, change)
  } else if (change.subject === 'instance' || change.subject === 'machine') {
    assert(state.kind === 'machine', 'a change of instances names a machine')
    setInMachine(state, change)
    directory.noticeDeadlines(state)
  } else {
    assert(state.kind === 'keys', 'a change of keys names a keyspace')
    setInKeyspace(state, change)
    directory.noticeDeadlines(state)
  }
}

function setInTable(table: Table, change: RecordChange | TableChange): void {
  if (change.subject === 'table') {
    table.header = change.after.header
    table.records = change.after.records
  } else {
    if (change.header !== undefined) table.header = change.header.after
    setRecord(table.records, change)
  }
}

function setRecord(records: Records, { id, order, before, after }: RecordChange): void {
  const cell = records.cells.get(id)
  assert(cell?.contents === before, 'a record change starts from what stands')
  if (after === undefined) {
    if (cell !== undefined) records.remove(cell)
  } else if (cell === undefined) {
    records.insert({ id, order, contents: after })
  } else {
    records.bytes += after.bytes - cell.contents.bytes
    cell.contents = after
  }
}
