// A cut, as router and shards speak of it: what every shard holds at one moment. See router/cut.ts for the promise.
import type { JsonValue } from './value.ts'

/** What a shard is asked to do at the moment of a cut; `cut` names who does it there. */
export interface CutBody {
  readonly cut: string
  readonly [field: string]: JsonValue
}
