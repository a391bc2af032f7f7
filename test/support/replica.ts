// A copy of a state that is kept by nothing but its changes, in their documented form. It takes none that does not follow
// the one before, or that tells of something else than what the copy holds.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import type { State } from '../../src/state/directory.ts'

/** What a state holds, by the name of each thing in it: `1` for the record 1. */
export type Contents = Map<string, JsonValue>

export function contentsOfState(state: State | undefined): Contents {
  if (state === undefined) return new Map()
  if (state.kind === 'table') {
    return new Map([...state.records.ordered.atLeast()].map(({ id, contents }) => [String(id), contents.record]))
  }
  if (state.kind === 'machine') {
    return new Map(
      [...state.instances.ordered.atLeast()].map(({ id, contents: { configuration, context } }) => [
        String(id),
        { value: configuration.value, context, done: configuration.done },
      ]),
    )
  }
  return new Map(
    state.keys.names.range().map((key) => {
      const { value = null, list } = state.keys.cells.get(key)?.contents ?? {}
      return [key, list === undefined ? value : [...list.items()].map((item) => item.value)]
    }),
  )
}

export class Replica {
  contents: Contents
  version: number
  /** Whether all of it was exchanged, which changes do not show: it has to be copied anew. */
  isStale = false

  constructor(contents: Contents, version: number) {
    this.contents = new Map(contents)
    this.version = version
  }

  take(change: JsonObject): void {
    const { version, type } = change
    strictEqual(version, this.version + 1, `a change does not follow version ${this.version}`)
    this.version += 1
    if (type === 'replaced' || type === 'altered') this.isStale = true
    if (type === 'cleared' || type === 'state_created' || type === 'state_deleted') {
      this.contents.clear()
      this.isStale = false
    }
    if (!this.isStale && (change.key ?? change.id) !== undefined) this.#takeOne(change)
  }

  #takeOne({ type, key, id, end, old_value: oldValue, new_value: newValue }: JsonObject): void {
    const named = key ?? id
    const name = typeof named === 'number' ? String(named) : (named as string)
    const stood = this.contents.get(name)
    if (type === 'pushed' || type === 'popped') {
      ok(Array.isArray(stood), `${name} is a list`)
      if (type === 'pushed')
        return void (end === 'first' ? stood.unshift(newValue as JsonValue) : stood.push(newValue as JsonValue))
      deepStrictEqual(end === 'first' ? stood.shift() : stood.pop(), oldValue)
      return
    }
    strictEqual(stood === undefined, type === 'created', `${name} was ${stood === undefined ? 'not ' : ''}there`)
    if (!Array.isArray(stood)) deepStrictEqual(oldValue, stood)
    if (type === 'deleted' || type === 'expired') this.contents.delete(name)
    else if (newValue !== undefined) this.contents.set(name, structuredClone(newValue))
  }
}
