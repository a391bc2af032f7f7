// The kinds of state that can be stored. A new kind is one more entry here, and a module like table-rows.ts.
import type { Change } from '../state/change.ts'
import type { Table } from '../state/table.ts'
import type { KindRows } from './kind-rows.ts'
import { tableRows } from './table-rows.ts'

const kinds = { table: tableRows } as const

export type KindName = keyof typeof kinds

/** Its tables sort behind `directory`, so that recovery knows a state before it meets what the state holds. */
export const contentTables: readonly string[] = Object.values(kinds).flatMap(({ tables }) => tables)

/** Who stores this state, or this change of one. */
export function kindOf(of: Table | Exclude<Change, { subject: 'state' }>): KindRows {
  return 'kind' in of ? kinds[of.kind] : kinds.table
}

export function kindNamed(name: string): KindRows | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name as KindName] : undefined
}
