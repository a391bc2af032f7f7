// Snapshots between the router and the shards: what is known of one, and the steps by which all shards make, restore and
// remove them. Data only; router/snapshots.ts says in which order, shard/snapshots.ts what each step does.
import type { JsonObject } from './value.ts'

/** What makes a snapshot exist: one row, on the shard of the empty name, written when every shard has its part. */
export interface Manifest {
  readonly id: string
  readonly label: string
  /** Rises with every snapshot: clocks may go back. */
  readonly number: number
  /** When it was taken, in milliseconds since 1970. */
  readonly at: number
  readonly states: number
  /** Records, keys and instances. */
  readonly records: number
  /** As they are stored. */
  readonly bytes: number
}

/** A new snapshot, which gets its number from the shard that records it. */
export type NewManifest = Omit<Manifest, 'number'>

/**
 * What a shard is asked to do besides the cut itself. `list`, `record` and `remove` go to the shard that has the manifests;
 * `record` replaces one with the same label, and lets the oldest go where there are more than `max`. The others go to all:
 * `keep`, to remove the parts of all snapshots but these; `load`, to hold the states of a snapshot, all or those that are
 * named, and read them from it, for a transaction to restore; `unload`, to give up what was loaded and not restored.
 */
export type SnapshotStep =
  | { readonly step: 'list' }
  | { readonly step: 'record'; readonly manifest: NewManifest; readonly max: number }
  | { readonly step: 'remove'; readonly snapshot: string }
  | { readonly step: 'keep'; readonly snapshots: readonly string[] }
  | LoadStep
  | { readonly step: 'unload'; readonly load: string }

export interface LoadStep {
  readonly step: 'load'
  readonly load: string
  readonly snapshot: string
  readonly label: string
  readonly states?: readonly string[]
}

/** A snapshot as it is shown. */
export function shownSnapshot({ label, at, states, records, bytes }: NewManifest): JsonObject {
  return { label, created_at: at / 1000, states, records, bytes }
}
