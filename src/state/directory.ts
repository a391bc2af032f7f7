// The states of one shard by name, and the versions of those that were deleted: a name that comes back continues after
// the version at which it went, so that no version of a name ever stands for two things.
import { SegmentedMap } from './segmented-map.ts'
import { SortedNames } from './sorted-names.ts'
import type { Table } from './table.ts'

export class Directory {
  readonly #states = new SegmentedMap<string, Table>()
  readonly #names = new SortedNames()
  #last: Table | undefined
  readonly #deletedVersions = new Map<string, number>()
  readonly #deletedNamesMax: number
  /** Where the version of a name starts that the directory knows nothing of. */
  #versionFloor = 0

  constructor(deletedNamesMax: number) {
    this.#deletedNamesMax = deletedNamesMax
  }

  get(name: string): Table | undefined {
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

  states(): Iterable<Table> {
    return this.#states.values()
  }

  /** The version at which a state of this name would be created. */
  firstVersionOf(name: string): number {
    const deleted = this.#deletedVersions.get(name)
    return deleted === undefined ? this.#versionFloor : deleted + 1
  }

  insert(state: Table): void {
    this.#states.set(state.name, state)
    this.#last = undefined
    this.#names.add(state.name)
    this.#deletedVersions.delete(state.name)
  }

  /** Forgets a state but for its version. Of too many deleted names the oldest is forgotten, which lifts the floor. */
  remove(name: string, version: number): void {
    this.#states.delete(name)
    this.#last = undefined
    this.#names.delete(name)
    if (version < this.#versionFloor) return
    this.#deletedVersions.set(name, version)
    if (this.#deletedVersions.size <= this.#deletedNamesMax) return
    const [oldest] = this.#deletedVersions as Iterable<[string, number]>
    if (oldest === undefined) return
    this.#deletedVersions.delete(oldest[0])
    this.#versionFloor = Math.max(this.#versionFloor, oldest[1] + 1)
  }
}
