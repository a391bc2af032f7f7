// The kinds of state that can be stored. A new kind is one more entry here, and a module like table-rows.ts.
import type { ChangeOfState } from '../state/change.ts'
import type { State } from '../state/directory.ts'
import { instanceRows } from './instance-rows.ts'
import { keyRows } from './key-rows.ts'
import type { KindRows } from './kind-rows.ts'
import { tableRows } from './table-rows.ts'

const kinds = { keys: keyRows, machine: instanceRows, table: tableRows } as const

export type KindName = keyof typeof kinds

/** They sort behind `directory`, so that recovery knows a state before it meets what the state holds. */
export const contentTables: readonly string[] = Object.values(kinds).flatMap(({ tables }) => tables)

type KindChange = Exclude<ChangeOfState, { subject: 'state' }>

const kindOfSubject: Readonly<Record<KindChange['subject'], KindName>> = {
  record: 'table',
  table: 'table',
  key: 'keys',
  list: 'keys',
  keys: 'keys',
  instance: 'machine',
  machine: 'machine',
}

/** Who stores this state, or this change of one. */
export function kindOf(of: State | KindChange): KindRows {
  return kinds['kind' in of ? of.kind : kindOfSubject[of.subject]]
}

export function kindNamed(name: string): KindRows | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name as KindName] : undefined
}
