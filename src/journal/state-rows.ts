// The contents of a shard as rows, whatever their kind, and its locks: which rows a commit touches. Owned by one journal; recovery
// (row-loader.ts) makes it, and the directory, of all rows again.
// Invariant: the rows of a state's contents begin with the state's epoch, a number that is never given twice. Rows of
// another epoch belong to nobody: they were staged and never shown, or were replaced; they are removed little by little.
//
//     table     │ key   │         │ text
//     directory │ leads │ state   │ {"kind":"table","version":9,"epoch":"17","rows":1,"header":{…}}
//     directory │ old   │ deleted │ {"version":4,"sequence":5}
//     facts     │       │ numbers │ {"next":8,"version_floor":0}
//     records   │ leads │ 17/11   │ [9,{"id":1,"name":"Ann"}]
import { assert } from '../base/assert.ts'
import type { JsonValue } from '../protocol/value.ts'
import type { Change, ChangeOfState, StagedRecords } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import { loggedChange } from '../state/logged-change.ts'
import type { Commit, StagedRows } from './journal.ts'
import type { LeftRows } from './kind-rows.ts'
import { contentTables, kindOf } from './kinds.ts'
import { LockPlan, loggedLock } from './lock-rows.ts'
import { type RowEdit, sortable } from './row.ts'
import { stagedRows } from './table-rows.ts'

export const directoryTable = 'directory'
export const factsTable = 'facts'

/** Rows that belong to nobody: those of these tables and this state whose key begins so. */
export interface Leftover {
  readonly tables: readonly string[]
  readonly routingKey: string
  readonly prefix: string
}

/** The rows that a commit writes. */
export interface Plan {
  readonly edits: readonly RowEdit[]
  /** Called once they are committed. */
  readonly adopt: () => void
}

/** Contents that were handed over ahead of the change that shows them. */
interface Staged {
  readonly generation: number
  readonly epoch: string
}

/** What one commit does to one state. */
interface Touched {
  epoch: string | undefined
  /** Whether all contents are written, and not only `rows`. */
  whole: boolean
  readonly rows: Map<string, RowEdit>
  lastVersion: number
}

/** What is known of the rows that are stored. */
export class StateRows {
  readonly directory: Directory
  /** By state: what the keys of its contents begin with. */
  readonly epochs = new Map<string, string>()
  readonly staged = new Map<string, Staged>()
  /** Deleted names that the directory does not remember any more, but the rows do. */
  readonly forgotten = new Set<string>()
  readonly leftovers: Leftover[] = []
  /** Epochs, and the places in the order of deleted names, are taken from here. */
  nextNumber = 1

  constructor(directory: Directory) {
    this.directory = directory
    directory.onForget = (name) => this.forgotten.add(name)
  }

  /** The rows of a commit. The directory has to stand as it does after the commit's changes. */
  plan(commit: Commit): Plan {
    return new Planner(this).plan(commit)
  }
}

/** Rows of an epoch that belong to nobody; all of them, unless it is said which. */
export function leftoverOf(routingKey: string, epoch: string, left?: LeftRows): Leftover {
  return { tables: left?.tables ?? contentTables, routingKey, prefix: `${epoch}/${left?.prefix ?? ''}` }
}

class Planner {
  readonly #stored: StateRows
  readonly #edits: RowEdit[] = []
  readonly #touched = new Map<string, Touched>()
  readonly #locks = new LockPlan()
  /** What becomes of `staged`: undefined for what is staged no longer. */
  readonly #staged = new Map<string, Staged | undefined>()
  readonly #leftovers: Leftover[] = []

  constructor(stored: StateRows) {
    this.#stored = stored
  }

  plan({ changes, staged, kept = [] }: Commit): Plan {
    const numberBefore = this.#stored.nextNumber
    for (const part of staged) this.#stage(part)
    for (const change of changes) {
      if (change.subject === 'lock') this.#locks.note(change)
      else this.#note(change)
    }
    for (const [state, touched] of this.#touched) this.#write(state, touched)
    for (const { table, routingKey, key, value } of kept) this.#put(table, routingKey, key, value)
    this.#edits.push(...this.#locks.edits(this.#stored.directory.locks, factsTable))
    const forgotten = [...this.#stored.forgotten].filter((name) => !this.#touched.has(name))
    for (const name of forgotten) this.#put(directoryTable, name, 'deleted', undefined)
    if (this.#stored.nextNumber !== numberBefore || this.#stored.forgotten.size > 0) {
      const { versionFloor } = this.#stored.directory
      this.#put(factsTable, '', 'numbers', { next: this.#stored.nextNumber, version_floor: versionFloor })
    }
    return { edits: this.#edits, adopt: () => this.#adopt(forgotten) }
  }

  #stage(part: StagedRecords | StagedRows): void {
    const { state, generation } = part
    let place = this.#stagedOf(state)
    if (place?.generation !== generation) {
      // An earlier attempt that came to nothing.
      if (place !== undefined) this.#leave(state, place.epoch)
      place = { generation, epoch: this.#takeEpoch() }
      this.#staged.set(state, place)
    }
    const rows = 'rows' in part ? part.rows : stagedRows(part)
    for (const { table, key, value } of rows) this.#put(table, state, `${place.epoch}/${key}`, value)
  }

  #note(change: ChangeOfState): void {
    const { state, version } = change
    let touched = this.#touched.get(state)
    if (touched === undefined) {
      touched = { epoch: this.#stored.epochs.get(state), whole: false, rows: new Map(), lastVersion: version }
      this.#touched.set(state, touched)
    }
    touched.lastVersion = version
    if (change.subject === 'state') {
      const staged = this.#stagedOf(state) === undefined ? undefined : this.#takeStaged(state)
      const isShown = staged !== undefined && staged.generation === change.restored?.generation
      if (staged !== undefined && !isShown) this.#leave(state, staged.epoch)
      const epoch = isShown ? staged.epoch : this.#takeEpoch()
      this.#exchange(state, touched, change.after === undefined ? undefined : epoch)
      touched.whole = change.after !== undefined && !isShown
      return
    }
    const footprint = kindOf(change).footprint(change)
    if (footprint.extent === 'staged') {
      const { generation, epoch } = this.#takeStaged(state)
      assert(generation === footprint.generation, 'what a change shows was staged for it')
      this.#exchange(state, touched, epoch)
    } else if (footprint.extent === 'whole') {
      this.#exchange(state, touched, this.#takeEpoch())
      touched.whole = true
    } else {
      for (const { table, key, value } of footprint.rows) {
        touched.rows.set(`${table} ${key}`, edit(table, state, `${touched.epoch}/${key}`, value))
      }
      for (const left of footprint.left ?? []) {
        this.#leftovers.push(leftoverOf(state, touched.epoch as string, left))
      }
    }
  }

  /** The contents begin anew: what the batch wrote to the old ones so far is of no interest. */
  #exchange(state: string, touched: Touched, epoch: string | undefined): void {
    if (touched.epoch !== undefined) this.#leave(state, touched.epoch)
    touched.epoch = epoch
    touched.whole = false
    touched.rows.clear()
  }

  /** Writes a state as it stands after the batch. */
  #write(state: string, { epoch, whole, rows, lastVersion }: Touched): void {
    const standing = this.#stored.directory.get(state)
    if (standing === undefined) {
      const isRemembered = this.#stored.directory.firstVersionOf(state) === lastVersion + 1
      const deleted = isRemembered ? { version: lastVersion, sequence: this.#takeNumber() } : undefined
      this.#put(directoryTable, state, 'state', undefined)
      this.#put(directoryTable, state, 'deleted', deleted)
      return
    }
    assert(epoch !== undefined, 'a state that stands has an epoch')
    const kind = kindOf(standing)
    this.#put(directoryTable, state, 'state', {
      kind: standing.kind,
      version: standing.version,
      epoch,
      rows: standing.length,
      header: kind.header(standing),
    })
    if (!this.#stored.epochs.has(state)) this.#put(directoryTable, state, 'deleted', undefined)
    if (!whole) this.#edits.push(...rows.values())
    else {
      for (const { table, key, value } of kind.contents(standing)) this.#put(table, state, `${epoch}/${key}`, value)
    }
  }

  #adopt(forgotten: readonly string[]): void {
    const { directory, epochs, staged, leftovers } = this.#stored
    for (const [state, place] of this.#staged) {
      if (place === undefined) staged.delete(state)
      else staged.set(state, place)
    }
    for (const [state, { epoch }] of this.#touched) {
      if (epoch === undefined || directory.get(state) === undefined) epochs.delete(state)
      else epochs.set(state, epoch)
      this.#stored.forgotten.delete(state)
    }
    for (const name of forgotten) this.#stored.forgotten.delete(name)
    leftovers.push(...this.#leftovers)
  }

  #stagedOf(state: string): Staged | undefined {
    return this.#staged.has(state) ? this.#staged.get(state) : this.#stored.staged.get(state)
  }

  #takeStaged(state: string): Staged {
    const place = this.#stagedOf(state)
    assert(place !== undefined, 'what a change shows was staged')
    this.#staged.set(state, undefined)
    return place
  }

  #leave(state: string, epoch: string): void {
    this.#leftovers.push(leftoverOf(state, epoch))
  }

  /** A number that was taken for a commit that failed is never given again either: there is no lack of them. */
  #takeNumber(): number {
    const number = this.#stored.nextNumber
    this.#stored.nextNumber += 1
    return number
  }

  #takeEpoch(): string {
    return sortable(this.#takeNumber())
  }

  #put(table: string, routingKey: string, key: string, value: JsonValue | undefined): void {
    this.#edits.push(edit(table, routingKey, key, value))
  }
}

function edit(table: string, routingKey: string, key: string, value: JsonValue | undefined): RowEdit {
  return { table, routingKey, key, text: value === undefined ? undefined : JSON.stringify(value) }
}

/** What the change log keeps of a commit, as JSON text. */
export function loggedText(changes: readonly Change[]): string {
  return JSON.stringify(
    changes.map((change) => (change.subject === 'lock' ? loggedLock(change) : loggedChange(change))),
  )
}
