// The kinds of state that can be stored. A new kind is one more entry here, and a module like table-rows.ts.
import type { Change } from '../state/change.ts'
import type { State } from '../state/directory.ts'
import { keyspaceRows } from './keyspace-rows.ts'
import type { KindRows } from './kind-rows.ts'
import { tableRows } from './table-rows.ts'

const kinds = { table: tableRows, keys: keyspaceRows } as const satisfies Record<State['kind'], unknown>
type ContentsChange = Exclude<Change, { subject: 'state' }>

const kindOfSubject: Readonly<Record<ContentsChange['subject'], State['kind']>> = {
  record: 'table',
  table: 'table',
  key: 'keys',
  list: 'keys',
  keys: 'keys',
}

/** They sort behind `directory`, so that recovery knows a state before it meets what the state holds. */
export const contentTables: readonly string[] = Object.values(kinds).flatMap(({ tables }) => tables)

export function kindOf({ kind }: State): KindRows {
  return kinds[kind]
}

export function kindOfChange({ subject }: ContentsChange): KindRows {
  return kinds[kindOfSubject[subject]]
}

export function kindNamed(name: string): KindRows | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name as State['kind']] : undefined
}
