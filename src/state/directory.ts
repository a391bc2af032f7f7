// The states of one shard by name, and the versions of those that were deleted: a name that comes back continues after
// the version at which it went, so that no version of a name ever stands for two things. It also knows in which state
// something is due first, and keeps out of that the ones that a command with steps holds. The shard's locks stand beside.
import { type DeadlineEntry, DeadlineHeap } from '../base/deadline-heap.ts'
import type { Keyspace } from './keyspace.ts'
import { Locks } from './locks.ts'
import type { MachineState } from './machine-state.ts'
import { SegmentedMap } from './segmented-map.ts'
import { SortedNames } from './sorted-names.ts'
import type { Table } from './table.ts'

/** A state of any kind. */
export type State = Table | Keyspace | MachineState

export class Directory {
  readonly locks = new Locks()
  readonly #states = new SegmentedMap<string, State>()
  readonly #expiries = new DeadlineHeap<Keyspace>()
  readonly #leases = new DeadlineHeap<Keyspace>()
  readonly #timers = new DeadlineHeap<MachineState>()
  readonly #held = new Set<string>()
  readonly #names = new SortedNames()
  #last: State | undefined
  readonly #deletedVersions = new Map<string, number>()
  readonly #deletedNamesMax: number
  #versionFloor = 0
  /** Hears of each deleted name whose version is forgotten. */
  onForget: ((name: string) => void) | undefined

  constructor(deletedNamesMax: number) {
    this.#deletedNamesMax = deletedNamesMax
  }

  get(name: string): State | undefined {
    // Commands come in runs on one state, and each looks for it several times.
    if (this.#last?.name !== name) this.#last = this.#states.get(name)
    return this.#last
  }

  get size(): number {
    return this.#states.size
  }

  get names(): SortedNames {
    return this.#names
  }

  states(): Iterable<State> {
    return this.#states.values()
  }

  /** Where the version of a name starts that the directory knows nothing of. */
  get versionFloor(): number {
    return this.#versionFloor
  }

  raiseVersionFloor(version: number): void {
    this.#versionFloor = Math.max(this.#versionFloor, version)
  }

  /** The version at which a state of this name would be created. */
  firstVersionOf(name: string): number {
    const deleted = this.#deletedVersions.get(name)
    return deleted === undefined ? this.#versionFloor : deleted + 1
  }

  /** Puts a state in its place, also where another stands. */
  insert(state: State): void {
    const before = this.#states.get(state.name)
    if (before !== undefined) this.#clearDeadlines(before)
    this.#states.set(state.name, state)
    this.#last = undefined
    this.#names.add(state.name)
    this.#deletedVersions.delete(state.name)
    this.noticeDeadlines(state)
  }

  /** Forgets a state but for its version. Of too many deleted names the oldest is forgotten, which lifts the floor. */
  remove(name: string, version: number): void {
    const state = this.#states.get(name)
    if (state !== undefined) this.#clearDeadlines(state)
    this.#states.delete(name)
    this.#last = undefined
    this.#names.delete(name)
    if (version < this.#versionFloor) return
    this.#deletedVersions.set(name, version)
    if (this.#deletedVersions.size <= this.#deletedNamesMax) return
    const [oldest] = this.#deletedVersions as Iterable<[string, number]>
    if (oldest === undefined) return
    this.#deletedVersions.delete(oldest[0])
    this.raiseVersionFloor(oldest[1] + 1)
    this.onForget?.(oldest[0])
  }

  /** The keyspace in which a key is due first, by the wall clock. */
  get firstExpiry(): DeadlineEntry<Keyspace> | undefined {
    return this.#expiries.first()
  }

  /** The keyspace in which a lease ends first, by the clock that never goes back. */
  get firstLease(): DeadlineEntry<Keyspace> | undefined {
    return this.#leases.first()
  }

  /** Has all locks, and the leases of all keyspaces, begin now, in full, after a recovery. */
  restartLeases(mono: number): void {
    this.locks.restart(mono)
    for (const state of this.#states.values()) {
      if (state.kind !== 'keys') continue
      state.keys.restartLeases(mono)
      this.noticeDeadlines(state)
    }
  }

  /** The machine in which a timer is due first, by the wall clock. */
  get firstTimer(): DeadlineEntry<MachineState> | undefined {
    return this.#timers.first()
  }

  /** Says that something in a state may now be due at another time. */
  noticeDeadlines(state: State): void {
    if (state.kind === 'table' || (this.#held.size > 0 && this.#held.has(state.name))) return
    if (state.kind === 'machine') {
      state.deadline = this.#timers.set(state.deadline, state, state.instances.deadlines.first()?.at ?? null)
      return
    }
    const { expiries, leases } = state.keys
    this.#setDeadlines(state, expiries.first()?.at ?? null, leases.first()?.at ?? null)
  }

  /** Nothing of a state is due until it is freed: a command that takes its steps wants it as it stands. */
  hold(name: string): void {
    this.#held.add(name)
    const state = this.#states.get(name)
    if (state !== undefined) this.#clearDeadlines(state)
  }

  free(name: string): void {
    this.#held.delete(name)
    const state = this.#states.get(name)
    if (state !== undefined) this.noticeDeadlines(state)
  }

  #clearDeadlines(state: State): void {
    if (state.kind === 'keys') this.#setDeadlines(state, null, null)
    else if (state.kind === 'machine') state.deadline = this.#timers.set(state.deadline, state, null)
  }

  #setDeadlines(keyspace: Keyspace, expiresAt: number | null, leaseEndsAt: number | null): void {
    keyspace.expiry = this.#expiries.set(keyspace.expiry, keyspace, expiresAt)
    keyspace.lease = this.#leases.set(keyspace.lease, keyspace, leaseEndsAt)
  }
}
