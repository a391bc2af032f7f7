// Takes what a state holds at one moment, for a snapshot: references only, some at a time, as contents are never changed
// once made. What was taken can be written down later, while the state goes on.
// Invariant: the contents must not change until all is taken, though the state may get others; its owner sees to that.
import type { State } from '../state/directory.ts'
import type { InstanceContents } from '../state/instance.ts'
import { occurrences } from '../state/instance.ts'
import type { Lease, ListItem } from '../state/item-list.ts'
import type { KeyContents, Keyspace } from '../state/keyspace.ts'
import type { MachineState } from '../state/machine-state.ts'
import type { RecordContents, Table } from '../state/table.ts'
import { instanceRow, occurrenceRow } from './instance-rows.ts'
import { itemRow, keyRow, leaseRow } from './key-rows.ts'
import type { StoredContentRow } from './kind-rows.ts'
import { recordRow } from './table-rows.ts'

export interface Gathered {
  /** Takes all, a step at a time: some ten microseconds of work each. */
  readonly steps: Generator<undefined, void, void>
  /** What was taken, as rows: see restoring.ts for their order. */
  rows(): Generator<StoredContentRow, void, void>
}

const perStep = 128

export function gatheredOf(state: State): Gathered {
  if (state.kind === 'table') return ofTable(state)
  return state.kind === 'keys' ? ofKeys(state) : ofMachine(state)
}

function ofTable({ records }: Table): Gathered {
  const slices: { readonly order: number; readonly contents: RecordContents }[][] = []
  function* take(): Gathered['steps'] {
    let last = Number.NEGATIVE_INFINITY
    for (;;) {
      const slice: { order: number; contents: RecordContents }[] = []
      for (const { order, contents } of records.ordered.after({ order: last })) {
        slice.push({ order, contents })
        if (slice.length === perStep) break
      }
      slices.push(slice)
      last = slice.at(-1)?.order ?? last
      if (slice.length < perStep) return
      yield
    }
  }
  return {
    steps: take(),
    *rows() {
      for (const slice of slices) for (const { order, contents } of slice) yield recordRow(order, contents)
    },
  }
}

interface TakenKey {
  readonly key: string
  readonly contents: KeyContents
  /** The position of the first item. */
  readonly first: number
  readonly items: readonly ListItem[]
  readonly leases: readonly Lease[]
}

function ofKeys({ keys }: Keyspace): Gathered {
  const taken: TakenKey[] = []
  function* take(): Gathered['steps'] {
    let after: string | undefined
    for (;;) {
      const names = keys.names.range({ ...(after !== undefined && { after }), limit: perStep })
      for (const key of names) {
        const contents = keys.cells.get(key)?.contents as KeyContents
        const { list } = contents
        const items: ListItem[] = []
        taken.push({ key, contents, first: list?.positionOf('first') ?? 0, items, leases: list?.leases() ?? [] })
        for (const item of list?.items() ?? []) {
          items.push(item)
          if (items.length % perStep === 0) yield
        }
      }
      after = names.at(-1)
      if (names.length < perStep) return
      yield
    }
  }
  return {
    steps: take(),
    *rows() {
      for (const { key, contents, first, items, leases } of taken) {
        yield keyRow(key, contents)
        const made = contents.list?.made ?? 0
        for (const [index, item] of items.entries()) yield itemRow(made, first + index, item)
        for (const lease of leases) yield leaseRow(made, lease)
      }
    },
  }
}

function ofMachine({ instances }: MachineState): Gathered {
  const taken: { readonly id: string | number; readonly order: number; readonly contents: InstanceContents }[] = []
  function* take(): Gathered['steps'] {
    let last = Number.NEGATIVE_INFINITY
    for (;;) {
      let count = 0
      for (const { id, order, contents } of instances.ordered.after({ order: last })) {
        taken.push({ id, order, contents })
        last = order
        count += 1
        if (count === perStep) break
      }
      if (count < perStep) return
      yield
    }
  }
  return {
    steps: take(),
    *rows() {
      for (const { id, order, contents } of taken) {
        for (const each of occurrences(contents.past, contents.past?.length ?? 0)) yield occurrenceRow(order, each)
        yield instanceRow(order, id, contents)
      }
    },
  }
}
