// The durability modes: named in replies, statistics and metrics, so that everybody can see which one runs.

/**
 * What survives what: `memory` nothing; `relaxed` a killed process, and of a power cut all but the last second;
 * `strict` both, whole.
 */
export type Durability = 'memory' | 'relaxed' | 'strict'

/** Where an engine keeps its states, if it keeps any. */
export interface Storage {
  readonly folder: string
  readonly durability: Exclude<Durability, 'memory'>
}
