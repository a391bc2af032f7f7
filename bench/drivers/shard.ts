// A shard alone in the generator's own process; an operation is a batch of commands.
import type { Driver, DriverOptions } from './driver.ts'
import { batches, commandsPerBatch, LoneShard, rotating } from './lone-shard.ts'

export async function openShard({ records, recordsUsed = records, codec = 'msgpack' }: DriverOptions): Promise<Driver> {
  const shard = await LoneShard.started(codec)
  await shard.fill(records)
  const nextOf = {
    patch: rotating(batches('patch', recordsUsed, shard)),
    get: rotating(batches('get', recordsUsed, shard)),
  }
  return {
    commandsPerOperation: commandsPerBatch,
    operations: {
      patch: () => shard.run(nextOf.patch()),
      get: () => shard.run(nextOf.get()),
    },
    close: () => shard.shard.stop(),
  }
}
