// What the states of a shard hold, taken together, and which of them hold the most. With many states it is counted a slice at
// a time, so that whoever looks at a shard does not stop it. Reads only.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ShardStatistics, StateSize } from '../protocol/statistics.ts'
import type { Directory, State } from '../state/directory.ts'

type Holdings = {
  -readonly [Field in
    | 'tables'
    | 'keyspaces'
    | 'machines'
    | 'records'
    | 'recordBytes'
    | 'keys'
    | 'keyBytes'
    | 'listItems'
    | 'pendingItems'
    | 'instances'
    | 'instanceBytes'
    | 'locks']: ShardStatistics[Field]
} & { largest: StateSize[] }

/** For so long states are looked at before others have their turn. */
const sliceMs = 1

export function holdings(directory: Directory, largestMax = 0): Holdings {
  const found = nothing(directory)
  for (const state of directory.states()) add(found, state, largestMax)
  return found
}

/** The same, with turns for others in between. What changes meanwhile is counted as it was before or as it is after. */
export async function holdingsInSlices(directory: Directory, largestMax = 0): Promise<Holdings> {
  const found = nothing(directory)
  let until = performance.now() + sliceMs
  for (const states of directory.statesInPieces()) {
    if (performance.now() > until) {
      await nextTurn()
      until = performance.now() + sliceMs
    }
    for (const state of states) add(found, state, largestMax)
  }
  return found
}

function nothing({ locks }: Directory): Holdings {
  return {
    tables: 0,
    keyspaces: 0,
    machines: 0,
    records: 0,
    recordBytes: 0,
    keys: 0,
    keyBytes: 0,
    listItems: 0,
    pendingItems: 0,
    instances: 0,
    instanceBytes: 0,
    locks: locks.held.size,
    largest: [],
  }
}

function add(found: Holdings, state: State, largestMax: number): void {
  let bytes: number
  if (state.kind === 'table') {
    ;({ bytes } = state.records)
    found.tables += 1
    found.records += state.length
    found.recordBytes += bytes
  } else if (state.kind === 'machine') {
    ;({ bytes } = state.instances)
    found.machines += 1
    found.instances += state.length
    found.instanceBytes += bytes
  } else {
    const { keys } = state
    ;({ bytes } = keys)
    found.keyspaces += 1
    found.keys += state.length
    found.keyBytes += bytes
    found.listItems += keys.listItems
    found.pendingItems += keys.pendingItems
  }
  if (largestMax > 0)
    addTo(found.largest, { state: state.name, kind: state.kind, entries: state.length, bytes }, largestMax)
}

/** Keeps the list sorted, and no longer than it may be. */
export function addTo(largest: StateSize[], size: StateSize, largestMax: number): void {
  const last = largest.at(-1)
  if (largest.length >= largestMax && last !== undefined && last.bytes >= size.bytes) return
  const place = largest.findIndex(({ bytes }) => bytes < size.bytes)
  largest.splice(place < 0 ? largest.length : place, 0, size)
  if (largest.length > largestMax) largest.pop()
}
