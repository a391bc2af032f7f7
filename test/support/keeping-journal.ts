// A journal that keeps its commits in this process, so that a shard can be started again on it, and that a test can make
// refuse, lose its answer, or wait. It stores rows as a durable driver would: by state and id, as they stand at the commit.
import type { Commit, CommitOutcome, Journal } from '../../src/journal/journal.ts'
import type { KeptRow } from '../../src/journal/kept-rows.ts'
import type { StoredContentRow } from '../../src/journal/kind-rows.ts'
import { kindNamed, kindOf } from '../../src/journal/kinds.ts'
import { ChunkMap, type ChunkPlace, type FoundChunk } from '../../src/journal/snapshot-chunks.ts'
import { loggedText } from '../../src/journal/state-rows.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { type ChangeOfState, type StateChange, type StateParts, stateOf } from '../../src/state/change.ts'
import type { Directory } from '../../src/state/directory.ts'
import { Keys, Keyspace } from '../../src/state/keyspace.ts'
import { MachineState } from '../../src/state/machine-state.ts'
import { type Cell, Records, Table, type TableHeader } from '../../src/state/table.ts'
import { StoredKeyspace } from './stored-keyspace.ts'
import { StoredLocks } from './stored-locks.ts'
import { StoredMachine } from './stored-machine.ts'

interface StoredState {
  version: number
  header: TableHeader
  readonly rows: Map<string, Cell>
}

function recordsOf({ rows }: StoredState): JsonObject[] {
  return [...rows.values()].sort((a, b) => a.order - b.order).map(({ contents }) => contents.record)
}

/** What outlives a shard. Give it to the next journal to open it again. */
export class Store {
  readonly states = new Map<string, StoredState>()
  readonly keyspaces = new Map<string, StoredKeyspace>()
  readonly machines = new Map<string, StoredMachine>()
  readonly locks = new StoredLocks()
  readonly deleted = new Map<string, number>()
  readonly staged = new Map<string, Cell[]>()
  readonly stagedRows = new Map<string, StoredContentRow[]>()
  readonly chunks = new ChunkMap()
  readonly commits: Commit[] = []
  /** Rows that are no state's, by their place. */
  readonly kept = new Map<string, KeptRow>()
  /** What each state held after each commit, by `state version`. */
  readonly history = new Map<string, JsonObject[]>()
  /** The change log, an entry for each commit. */
  readonly logged: string[] = []
  lastNumber = 0
}

/** The commit holds, and the journal cannot say so. */
export const lost = 'lost'

export type Plan = (commit: Commit) => CommitOutcome | typeof lost | Promise<CommitOutcome | typeof lost>

export const committed: CommitOutcome = { outcome: 'committed' }

export class KeepingJournal implements Journal {
  readonly durability = 'strict'
  readonly #store: Store
  /** Decides how a commit ends; it is stored if it ends as committed or lost, and never otherwise. */
  plan: Plan = () => committed
  /** As on a full disk, where only what frees space may be tried. */
  isFull = false
  #isClosed = false

  constructor(store: Store = new Store()) {
    this.#store = store
  }

  recover(directory: Directory, onKept: (row: KeptRow) => void = () => {}): Promise<number> {
    for (const row of this.#store.kept.values()) onKept(structuredClone(row))
    // What was never shown belongs to nobody.
    this.#store.stagedRows.clear()
    for (const [name, version] of this.#store.deleted) directory.remove(name, version)
    for (const [name, { version, header, rows }] of this.#store.states) {
      const records = new Records()
      for (const cell of [...rows.values()].sort((a, b) => a.order - b.order)) records.insert({ ...cell })
      directory.insert(new Table(name, version, { header, records }))
    }
    for (const [name, stored] of this.#store.keyspaces) {
      directory.insert(new Keyspace(name, stored.version, stored.recovered()))
    }
    for (const [name, stored] of this.#store.machines) {
      directory.insert(new MachineState(name, stored.version, stored.recovered()))
    }
    this.#store.locks.recover(directory.locks)
    return Promise.resolve(this.#store.lastNumber)
  }

  recall(take: (changes: readonly JsonObject[]) => void): Promise<void> {
    for (const logged of this.#store.logged) take(JSON.parse(logged) as JsonObject[])
    return Promise.resolve()
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    if (this.#isClosed) throw new Error('the journal is closed')
    if (commit.number !== this.#store.lastNumber + 1) throw new Error(`commit ${commit.number} leaves a gap`)
    const outcome = await this.plan(commit)
    if (outcome === lost || outcome.outcome === 'committed') this.#keep(commit)
    return outcome === lost ? { outcome: 'unknown', reason: 'the answer was lost' } : outcome
  }

  readChunk(place: ChunkPlace): FoundChunk {
    return this.#store.chunks.readChunk(place)
  }

  chunkPlaces(snapshot: string, max: number): readonly ChunkPlace[] {
    return this.#store.chunks.chunkPlaces(snapshot, max)
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  #keep(commit: Commit): void {
    this.#store.lastNumber = commit.number
    this.#store.commits.push(commit)
    this.#store.logged.push(loggedText(commit.changes))
    this.#store.chunks.edit(commit.chunks ?? [])
    for (const part of commit.staged) {
      const key = `${part.generation} ${part.state}`
      if ('rows' in part) {
        const rows = this.#store.stagedRows.get(key) ?? []
        this.#store.stagedRows.set(key, [...rows, ...structuredClone(part.rows)])
        continue
      }
      const { records } = part
      const cells = records.map(({ order, contents }) => ({ id: contents.record.id as number, order, contents }))
      this.#store.staged.set(key, [...(this.#store.staged.get(key) ?? []), ...cells])
    }
    const ofStates = commit.changes.filter((change) => change.subject !== 'lock')
    for (const change of commit.changes) {
      if (change.subject === 'lock') this.#store.locks.keep(change)
      else this.#keepChange(change)
    }
    for (const row of commit.kept ?? []) {
      const place = `${row.table} ${row.routingKey} ${row.key}`
      if (row.value === undefined) this.#store.kept.delete(place)
      else this.#store.kept.set(place, structuredClone(row))
    }
    for (const name of new Set(ofStates.map(({ state }) => state))) {
      const state = this.#store.states.get(name)
      if (state !== undefined) this.#store.history.set(`${name} ${state.version}`, recordsOf(state))
    }
  }

  /** Contents that were journalled ahead are made of their rows, as recovery would make them. */
  #keepRestored({ state: name, version, after, restored }: StateChange): void {
    const { states, keyspaces, machines, stagedRows } = this.#store
    const standing = stateOf(name, version, after as StateParts)
    let state = standing
    if (restored?.generation !== undefined) {
      const opening = kindNamed(standing.kind)?.open(name, version, kindOf(standing).header(standing))
      for (const row of stagedRows.get(`${restored.generation} ${name}`) ?? []) opening?.load(row)
      state = opening?.finish().state ?? standing
    }
    if (state.kind === 'keys') {
      const stored = new StoredKeyspace(version)
      stored.fill(state.keys)
      keyspaces.set(name, stored)
    } else if (state.kind === 'machine') {
      const stored = new StoredMachine(version, state.header)
      stored.fill(state.instances)
      machines.set(name, stored)
    } else {
      const rows = Array.from(
        state.records.ordered.atLeast(),
        (cell) => [JSON.stringify(cell.id), { ...cell }] as const,
      )
      states.set(name, { version, header: state.header, rows: new Map(rows) })
    }
  }

  #keepChange(change: ChangeOfState): void {
    const { states, keyspaces, machines, deleted, staged } = this.#store
    if (change.subject === 'state') {
      states.delete(change.state)
      keyspaces.delete(change.state)
      machines.delete(change.state)
      if (change.after === undefined) deleted.set(change.state, change.version)
      else {
        deleted.delete(change.state)
        if (change.restored !== undefined) return this.#keepRestored(change)
        if (change.after instanceof Keys) keyspaces.set(change.state, new StoredKeyspace(change.version))
        else if ('instances' in change.after) {
          machines.set(change.state, new StoredMachine(change.version, change.after.header))
        } else states.set(change.state, { version: change.version, header: change.after.header, rows: new Map() })
      }
      return
    }
    if (change.subject === 'instance' || change.subject === 'machine') {
      const machine = machines.get(change.state)
      if (machine === undefined) throw new Error(`a change names the unknown machine ${change.state}`)
      return machine.keep(change)
    }
    if (change.subject !== 'record' && change.subject !== 'table') {
      const keyspace = keyspaces.get(change.state)
      if (keyspace === undefined) throw new Error(`a change names the unknown keyspace ${change.state}`)
      return keyspace.keep(change)
    }
    const state = states.get(change.state)
    if (state === undefined) throw new Error(`a change names the unknown state ${change.state}`)
    if (change.version !== state.version + 1) throw new Error(`${change.state} skips from version ${state.version}`)
    state.version = change.version
    if (change.subject === 'table') {
      state.header = change.after.header
      const cells = change.ahead
        ? (staged.get(`${change.after.header.generation} ${change.state}`) ?? [])
        : change.after.records.ordered.atLeast()
      state.rows.clear()
      for (const cell of cells) state.rows.set(JSON.stringify(cell.id), { ...cell })
      return
    }
    if (change.header !== undefined) state.header = change.header.after
    const { id, order, after } = change
    if (after === undefined) state.rows.delete(JSON.stringify(id))
    else state.rows.set(JSON.stringify(id), { id, order, contents: after })
  }
}
