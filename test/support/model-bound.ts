// Fields of tables that follow a machine, as they should be: see model.ts, of which this is a part.
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { chartOf, type Node } from './model-chart.ts'
import { Refused } from './model-refused.ts'

/** The field that follows a flat machine, and where it may go from each value. */
export interface ModelBound {
  readonly source: JsonObject
  readonly field: string
  readonly initial: string
  readonly moves: ReadonlyMap<JsonValue, readonly string[]>
}

interface MaybeBound {
  readonly bound: ModelBound | undefined
}

/** A new record, whose bound field is at its beginning where it is absent. */
export function begun({ bound }: MaybeBound, record: JsonObject): JsonObject {
  return bound === undefined || Object.hasOwn(record, bound.field)
    ? record
    : { ...record, [bound.field]: bound.initial }
}

/** The record, if its bound field may follow the one that stood before. */
export function moving(
  { bound }: MaybeBound,
  before: JsonObject | undefined,
  record: JsonObject,
  row?: number,
): JsonObject {
  if (bound === undefined) return record
  const { field, initial, moves } = bound
  const from = before?.[field] ?? null
  const to = record[field] ?? null
  const can = before === undefined ? [initial] : (moves.get(from) ?? [])
  const stays = before !== undefined && from === to && moves.has(to)
  if (stays || can.includes(to as string)) return record
  throw new Refused('INVALID_TRANSITION', { field, value: from, can: [...can], ...(row !== undefined && { row }) })
}

export function modelBound(source: JsonObject): ModelBound {
  const { field, definition } = source as { field: string; definition: { initial: string; states: JsonObject } }
  const chart = chartOf(definition)
  const moves = Object.keys(definition.states).map((name): [string, string[]] => {
    const leaf = chart.leafOf(chart.stateAt(name) as Node)
    const ends = chart.can(leaf, {}).map((event) => chart.send(leaf, {}, event)?.leaf.key as string)
    return [name, [...new Set(ends)].filter((end) => end !== name)]
  })
  return { source, field, initial: definition.initial, moves: new Map(moves) }
}
