// A state of kind machine: a definition and its instances, in the order of their creation. Only apply() (state/change.ts)
// changes one.
// Invariant: `cells` and `ordered` hold the same cells, and an instance stands in `deadlines` if a timer of it runs.
import { type DeadlineEntry, DeadlineHeap } from '../base/deadline-heap.ts'
import type { RecordId } from '../protocol/arguments.ts'
import { firstDeadline, type InstanceContents } from './instance.ts'
import type { Machine } from './machine.ts'
import { SegmentedMap } from './segmented-map.ts'
import { SortedList } from './sorted-list.ts'

export interface InstanceCell {
  readonly id: RecordId
  /** The insertion number: it rises with every new instance, and is never used again. */
  readonly order: number
  contents: InstanceContents
  deadline: DeadlineEntry<InstanceCell> | undefined
}

/** What a machine knows besides its instances. A change replaces it whole. */
export interface MachineHeader {
  readonly machine: Machine
  /** How many occurrences each instance keeps. */
  readonly historyMax: number
  readonly nextId: number
  readonly nextOrder: number
}

export class Instances {
  readonly cells = new SegmentedMap<RecordId, InstanceCell>()
  readonly ordered = new SortedList<InstanceCell, { readonly order: number }>((a, b) => a.order - b.order)
  /** By the wall clock: instances by the first of their timers. */
  readonly deadlines = new DeadlineHeap<InstanceCell>()
  bytes = 0

  /** Puts contents in an instance's place, or removes it. */
  set(id: RecordId, order: number, contents: InstanceContents | undefined): void {
    const cell = this.cells.get(id)
    if (cell !== undefined) this.bytes -= cell.contents.bytes
    if (contents === undefined) {
      if (cell !== undefined) this.#remove(cell)
      return
    }
    this.bytes += contents.bytes
    if (cell !== undefined) cell.contents = contents
    this.#wind(cell ?? this.#add({ id, order, contents, deadline: undefined }))
  }

  #add(cell: InstanceCell): InstanceCell {
    this.cells.set(cell.id, cell)
    this.ordered.add(cell)
    return cell
  }

  #remove(cell: InstanceCell): void {
    this.cells.delete(cell.id)
    this.ordered.delete(cell)
    cell.deadline = this.deadlines.set(cell.deadline, cell, null)
  }

  #wind(cell: InstanceCell): void {
    cell.deadline = this.deadlines.set(cell.deadline, cell, firstDeadline(cell.contents)?.at ?? null)
  }
}

/** What a machine is made of, besides its name and version. */
export interface MachineParts {
  readonly header: MachineHeader
  readonly instances: Instances
}

export class MachineState implements MachineParts {
  readonly kind = 'machine'
  readonly name: string
  version: number
  header: MachineHeader
  instances: Instances
  /** Where it stands among the machines of its shard, by the timer that is due first. Kept by the directory. */
  deadline: DeadlineEntry<MachineState> | undefined

  constructor(name: string, version: number, { header, instances }: MachineParts) {
    this.name = name
    this.version = version
    this.header = header
    this.instances = instances
  }

  get(id: RecordId): InstanceCell | undefined {
    return this.instances.cells.get(id)
  }

  get length(): number {
    return this.instances.cells.size
  }
}
