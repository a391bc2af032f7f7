// What a state holds, kept by its changes. Used to make a listing exact, and by whoever keeps a copy.
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonValue } from '../protocol/value.ts'
import type { ChangeEvent } from './watch-events.ts'

/** Records and instances by id, the oldest first; values by key, and those of lists as arrays. */
export type Contents = Map<RecordId, JsonValue>

/** Makes a change true in a copy. False where it exchanged everything, and does not say for what. */
export function follow(contents: Contents, { type, id, key, end, newValue }: ChangeEvent): boolean {
  if (type === 'replaced' || type === 'altered') return false
  if (type === 'ids_reserved') return true
  if (type === 'cleared' || type === 'state_created' || type === 'state_deleted') {
    contents.clear()
    return true
  }
  const name = (key ?? id) as RecordId
  if (type === 'deleted' || type === 'expired') contents.delete(name)
  else if (type === 'pushed' || type === 'popped') {
    const list = contents.get(name) as JsonValue[]
    if (type === 'popped') void (end === 'first' ? list.shift() : list.pop())
    else if (end === 'first') list.unshift(newValue as JsonValue)
    else list.push(newValue as JsonValue)
  } else if (newValue !== undefined) contents.set(name, newValue)
  return true
}
