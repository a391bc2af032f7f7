// Machines as rows: the definition and the counters in the state's own row, one row for each instance, and one for each
// occurrence of its past, so that an event writes two rows however long the past is. Its key is the insertion number, by
// which instances are listed.
// Invariant: there is a row for each occurrence that `past` links, and no other. They go when the links are cut, some at a
// time; those of an instance that went belong to nobody, and go little by little.
//
//     table     │ text, all times in milliseconds since 1970
//     history   │ 11/14     {"from":"open","to":"done","event":"CLOSE","at":…}      insertion number/version
//     instances │ 11        {"id":1,"value":"done","context":{},"deadlines":[],"revision":4,…}
import { assert } from '../base/assert.ts'
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { type InstanceContents, type Occurrence, occurrences, type Past, weighed } from '../state/instance.ts'
import type { MachineChange } from '../state/instance-change.ts'
import { type Configuration, compileMachine, type Machine } from '../state/machine.ts'
import { Instances, MachineState } from '../state/machine-state.ts'
import type { ContentPlace, ContentRow, Footprint, KindRows, LeftRows, StoredContentRow } from './kind-rows.ts'
import { fromSortable, sortable } from './row.ts'

// The first sorts before the second: the past of an instance is whole when the instance is read.
const historyTable = 'history'
const instancesTable = 'instances'

function occurrenceAt(order: number, { version }: Occurrence): ContentPlace {
  return { table: historyTable, key: `${sortable(order)}/${sortable(version)}` }
}

export function occurrenceRow(order: number, occurrence: Occurrence): StoredContentRow {
  const { from, to, event, at } = occurrence
  return { ...occurrenceAt(order, occurrence), value: { from, to, event, at } }
}

export function instanceRow(order: number, id: RecordId, contents: InstanceContents): StoredContentRow {
  const { configuration, context, deadlines, revision, createdAt, updatedAt } = contents
  return {
    table: instancesTable,
    key: sortable(order),
    value: {
      id,
      value: configuration.value,
      remembered: configuration.history as JsonObject,
      context,
      // Pairs, in the order in which they were armed.
      deadlines: [...deadlines],
      revision,
      created_at: createdAt,
      updated_at: updatedAt,
    },
  }
}

function leftBy(order: string): LeftRows {
  return { tables: [historyTable], prefix: `${order}/` }
}

/** The rows of the past that an event writes, and of what was cut off by it. */
function pastRows(order: number, before: Past | undefined, after: Past | undefined): ContentRow[] {
  if (after === before) return []
  const rows: ContentRow[] = after === undefined ? [] : [occurrenceRow(order, after.newest)]
  // All but the newest stood before.
  const kept = after === undefined ? 0 : after.length - 1
  const stood = before?.length ?? 0
  if (kept === stood) return rows
  const cut = occurrences(before, stood).slice(0, stood - kept)
  return [...rows, ...cut.map((each) => ({ ...occurrenceAt(order, each), value: undefined }))]
}

export const instanceRows: KindRows<MachineState, MachineChange> = {
  tables: [historyTable, instancesTable],

  header({ header: { machine, historyMax, nextId, nextOrder } }) {
    return { definition: machine.source, history_limit: historyMax, next_id: nextId, next_order: nextOrder }
  },

  *contents({ instances }) {
    for (const { id, order, contents } of instances.ordered.atLeast()) {
      yield instanceRow(order, id, contents)
      for (let link = contents.past; link !== undefined; link = link.before) yield occurrenceRow(order, link.newest)
    }
  },

  footprint(change): Footprint {
    if (change.subject === 'machine') return { extent: 'whole' }
    const { id, order, before, after } = change
    if (after === undefined) {
      const rows = [{ table: instancesTable, key: sortable(order), value: undefined }]
      return { extent: 'rows', rows, left: before?.past ? [leftBy(sortable(order))] : [] }
    }
    return { extent: 'rows', rows: [instanceRow(order, id, after), ...pastRows(order, before?.past, after.past)] }
  },

  open(name, version, { definition, history_limit, next_id, next_order }) {
    const machine = compileMachine(definition as JsonValue)
    assert(!('code' in machine), 'a definition that was accepted once is accepted again')
    const header = {
      machine,
      historyMax: history_limit as number,
      nextId: next_id as number,
      nextOrder: next_order as number,
    }
    const instances = new Instances()
    const pasts = new Map<string, Past>()
    const configurations = new Configurations(machine)
    return {
      load({ table, key, value }) {
        if (table === historyTable) {
          const [order = '', at = ''] = key.split('/')
          const newest = { ...(value as unknown as Occurrence), version: fromSortable(at) }
          const before = pasts.get(order)
          pasts.set(order, { newest, before, length: (before?.length ?? 0) + 1 })
        } else {
          const row = value as JsonObject
          instances.set(row.id as RecordId, fromSortable(key), contentsOf(row, configurations, pasts.get(key)))
          pasts.delete(key)
        }
      },
      finish: () => ({
        state: new MachineState(name, version, { header, instances }),
        left: [...pasts.keys()].map(leftBy),
      }),
    }
  },
}

function contentsOf(row: JsonObject, configurations: Configurations, past: Past | undefined): InstanceContents {
  const { value, remembered, context, deadlines, revision, created_at, updated_at } = row
  const parts = {
    configuration: configurations.of(value as JsonValue, remembered as JsonValue),
    context: context as JsonObject,
    deadlines: new Map(deadlines as [string, number][]),
    past,
  }
  return weighed(parts, revision as number, created_at as number, updated_at as number)
}

/** Instances that stand alike share one configuration, as they did when it was made. */
class Configurations {
  readonly #machine: Machine
  readonly #known = new Map<string, Configuration>()

  constructor(machine: Machine) {
    this.#machine = machine
  }

  of(value: JsonValue, remembered: JsonValue): Configuration {
    const text = JSON.stringify([value, remembered])
    const found = this.#known.get(text) ?? this.#machine.restore(value, remembered)
    assert(found !== undefined, 'where an instance stood is in its definition')
    this.#known.set(text, found)
    return found
  }
}
