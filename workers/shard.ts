// The entry of a shard's thread. Piscina calls it with what the supervisor prepared; it returns when the shard ends.
import type { ShardStart } from '../src/protocol/control.ts'
import { runShard } from '../src/shard/thread.ts'

export default (start: ShardStart): Promise<void> => runShard(start)
