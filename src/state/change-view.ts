// Shows changes outside of their shard: the one place where the form of a change that hooks see is derived. Reads a
// change and touches nothing; what it answers with shares nothing with the shard, and is frozen.
// Called when a change is decided, or just applied: later the lists that it names may have gone on changing.
import type { RecordId } from '../protocol/arguments.ts'
import type { ChangeView, Delta } from '../protocol/hooks.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { ChangeOfState, RecordChange, TableChange } from './change.ts'
import type { InstanceContents } from './instance.ts'
import type { InstanceChange } from './instance-change.ts'
import type { ItemPlace, KeyChange, ListChange } from './key-change.ts'
import type { KeyContents } from './keyspace.ts'

type Shown = Omit<ChangeView, 'state' | 'version' | 'type' | 'at'>

/** The change as it is shown. `field` is the one that follows a machine, in the table of a record. */
export function viewOf(change: ChangeOfState, field?: string): ChangeView {
  return stamped(change, change.type, shownOf(change, field))
}

/**
 * What a change is to put in place, one by one, and then the change itself: whatever a hook forbids for one record it
 * forbids for those of SET_STATE. What goes with a whole is not shown on its own. Costs a step for each.
 */
export function* viewsWithin(change: ChangeOfState, field?: string): Generator<ChangeView, void> {
  if (change.subject === 'table') {
    for (const { id, before, after } of rowsOf(change)) {
      yield stamped(change, before === undefined ? 'created' : 'updated', ofRecord(id, before, after, field))
    }
  } else if (change.subject === 'machine') {
    for (const { id, contents } of change.after.instances.ordered.atLeast()) {
      yield stamped(change, 'updated', ofInstance(id, change.before.instances.cells.get(id)?.contents, contents))
    }
  }
  yield viewOf(change, field)
}

/** The transitions that a change is made of: of one instance or record, or of the rows of a table. */
export function transitionsOf(change: ChangeOfState, field?: string): ChangeView[] {
  if (change.subject === 'table') {
    const moved: ChangeView[] = []
    if (field === undefined) return moved
    for (const { id, before, after } of rowsOf(change)) {
      if (before === undefined || before[field] === after[field]) continue
      moved.push(stamped(change, 'updated', ofRecord(id, before, after, field)))
    }
    return moved
  }
  const mayMove = change.subject === 'instance' ? change.event !== undefined : change.subject === 'record'
  if (!mayMove) return []
  const view = viewOf(change, field)
  return 'from' in view ? [view] : []
}

/** What the persistence callback is told of a change that this command made; of one that time brought about, none. */
export function deltaOf(change: ChangeOfState, command: string | undefined, reply: JsonObject): Delta {
  if (change.subject === 'table' && change.type === 'replaced') {
    return Object.freeze({ set_state: change.after.records.cells.size, dropped: Number(reply.dropped ?? 0) })
  }
  if (change.subject !== 'record') return Object.freeze({ change: viewOf(change) })
  const { before, after, id } = change
  if (after === undefined) return Object.freeze({ delete_record: id })
  if (command === 'PATCH_RECORD') return Object.freeze({ patch_record: patchOf(change, after.record) })
  const record = frozenCopy(after.record) as JsonObject
  const isCreated = before === undefined && command !== 'SET_RECORD'
  return Object.freeze(isCreated ? { create_record: record } : { set_record: record })
}

/** Equal primitives are the same write; anything else that a patch names is another object than before. */
function patchOf({ id, before }: RecordChange, after: JsonObject): JsonObject {
  const fields = Object.entries(after).filter(([name, value]) => value !== before?.record[name])
  return frozenCopy({ id, ...Object.fromEntries(fields) }) as JsonObject
}

function shownOf(change: ChangeOfState, field: string | undefined): Shown {
  switch (change.subject) {
    case 'record':
      return ofRecord(change.id, change.before?.record, change.after?.record, field)
    case 'instance':
      return ofInstance(change.id, change.before, change.after, change)
    case 'key':
      return ofKey(change)
    case 'list':
      return ofItem(change)
    default:
      return {}
  }
}

interface Row {
  readonly id: RecordId
  readonly before: JsonObject | undefined
  readonly after: JsonObject
}

function* rowsOf({ before, after }: TableChange): Generator<Row, void> {
  if (before.records === after.records) return
  for (const { id, contents } of after.records.ordered.atLeast()) {
    yield { id, before: before.records.cells.get(id)?.contents.record, after: contents.record }
  }
}

function ofRecord(
  id: RecordId,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
  field: string | undefined,
): Shown {
  const moved = field !== undefined && before !== undefined && after !== undefined && before[field] !== after[field]
  return {
    id,
    ...values(before, after),
    ...(moved && { from: before[field] as JsonValue, to: after[field] as JsonValue }),
  }
}

function ofInstance(
  id: RecordId,
  before: InstanceContents | undefined,
  after: InstanceContents | undefined,
  change?: InstanceChange,
): Shown {
  const old = before && instance(before)
  const now = after && instance(after)
  const event = change?.event
  const moves = event !== undefined && old !== undefined && now !== undefined
  return { id, ...values(old, now), ...(moves && { from: old.value as JsonValue, to: now.value as JsonValue, event }) }
}

function instance({ configuration, context }: InstanceContents): JsonObject {
  return { value: configuration.value, context, done: configuration.done }
}

function ofKey({ key, before, after, written }: KeyChange): Shown {
  return { key, ...values(plainValue(before), written ?? plainValue(after)) }
}

function ofItem({ key, from, to }: ListChange): Shown {
  return { key, ...values(from && itemIn(from), to && itemIn(to)) }
}

function itemIn(place: ItemPlace): JsonValue {
  return place.at === 'lease' ? place.lease.item.value : place.item.value
}

function plainValue(contents: KeyContents | undefined): JsonValue | undefined {
  return contents === undefined || contents.list !== undefined ? undefined : contents.value
}

function values(before: JsonValue | undefined, after: JsonValue | undefined): Pick<Shown, 'old_value' | 'new_value'> {
  return { ...(before !== undefined && { old_value: before }), ...(after !== undefined && { new_value: after }) }
}

function stamped({ state, version, at }: ChangeOfState, type: string, shown: Shown): ChangeView {
  return frozenCopy({ state, version, type, ...shown, at: at / 1000 }) as object as ChangeView
}

function frozenCopy(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy)) as JsonValue[]
  const copy: JsonObject = {}
  for (const field in value) copy[field] = frozenCopy(value[field] as JsonValue)
  return Object.freeze(copy)
}
