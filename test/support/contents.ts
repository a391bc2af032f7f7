// All that a directory holds, whatever its kind, as plain data: what has to be equal before and after a recovery.
import type { Directory, State } from '../../src/state/directory.ts'
import { occurrences } from '../../src/state/instance.ts'
import type { Keys } from '../../src/state/keyspace.ts'
import type { MachineState } from '../../src/state/machine-state.ts'
import type { Table } from '../../src/state/table.ts'

/** States by name. Of leases everything but their end, which a recovery sets anew; of a past, what is kept of it. */
export function contentsOf(directory: Directory): object {
  const states = directory.names.range().map((name) => directory.get(name) as State)
  return {
    versionFloor: directory.versionFloor,
    firstExpiry: directory.firstExpiry?.at,
    firstTimer: directory.firstTimer?.at,
    states: states.map((state) => {
      const { kind, name, version, length } = state
      return { kind, name, version, length, ...partsOf(state) }
    }),
  }
}

function partsOf(state: State): object {
  if (state.kind === 'keys') return keysOf(state.keys)
  return state.kind === 'table' ? tableOf(state) : machineOf(state)
}

function tableOf({ header: { fields, schema, bound, ...header }, records }: Table): object {
  return {
    ...header,
    fields: fields && [...fields],
    schema: schema?.source,
    bound: bound && { field: bound.field, definition: bound.machine.source },
    bytes: records.bytes,
    records: [...records.ordered.atLeast()],
  }
}

function keysOf(keys: Keys): object {
  const { bytes, listItems, pendingItems } = keys
  return {
    bytes,
    listItems,
    pendingItems,
    firstExpiry: keys.expiries.first()?.at,
    keys: keys.names.range().map((key) => {
      const { list, ...contents } = keys.cells.get(key)?.contents ?? {}
      const leases = (list?.leases() ?? []).map(({ deadline: _, ...lease }) => lease)
      leases.sort((a, b) => a.token - b.token)
      // Where an empty list goes on is of no interest: no row of it is left.
      const position = list && list.length > 0 ? list.positionOf('first') : undefined
      return { key, ...contents, list: list && { made: list.made, position, items: [...list.items()], leases } }
    }),
  }
}

function machineOf({ header: { machine, ...header }, instances }: MachineState): object {
  return {
    ...header,
    definition: machine.source,
    bytes: instances.bytes,
    firstDeadline: instances.deadlines.first()?.at,
    instances: [...instances.ordered.atLeast()].map(({ id, order, contents }) => {
      const { past, deadlines, ...rest } = contents
      return { id, order, ...rest, deadlines: [...deadlines], past: occurrences(past, header.historyMax) }
    }),
  }
}
