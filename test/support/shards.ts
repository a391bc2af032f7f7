// Names of states that live on a wanted shard.
import { shardOf } from '../../src/base/placement.ts'

/** The first `count` names, prefix and number, that hash to the shard. */
export function namesOnShard(shard: number, shards: number, count: number, prefix = 'state'): string[] {
  const names: string[] = []
  for (let number = 0; names.length < count; number += 1) {
    const name = `${prefix} ${number}`
    if (shardOf(name, shards) === shard) names.push(name)
  }
  return names
}
