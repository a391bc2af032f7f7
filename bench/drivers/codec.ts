// The peer of a shard alone: the codec's own library, which decodes the same commands and encodes the same replies, and
// does nothing in between. The shard is there only to say what the replies are.
import { Packr } from 'msgpackr'
import type { Driver, DriverOptions } from './driver.ts'
import { type Body, batches, commandsPerBatch, LoneShard, rotating } from './lone-shard.ts'

export async function openCodec({ records, codec = 'msgpack' }: DriverOptions): Promise<Driver> {
  const shard = await LoneShard.started(codec)
  await shard.fill(records)
  const packr = new Packr({ useRecords: true, mapsAsObjects: true })
  const unpack = (body: Body): unknown =>
    typeof body === 'string' ? (JSON.parse(body) as unknown) : (packr.unpack(body) as unknown)
  const pack = codec === 'json' ? JSON.stringify : (value: unknown) => packr.pack(value)
  const pairsOf = async (kind: 'patch' | 'get'): Promise<{ body: Body; replies: unknown }[]> => {
    const pairs: { body: Body; replies: unknown }[] = []
    for (const body of batches(kind, records, shard)) pairs.push({ body, replies: unpack(await shard.run(body)) })
    return pairs
  }
  const nextOf = { patch: rotating(await pairsOf('patch')), get: rotating(await pairsOf('get')) }
  const work = ({ body, replies }: { body: Body; replies: unknown }): unknown => [unpack(body), pack(replies)]
  return {
    commandsPerOperation: commandsPerBatch,
    operations: { patch: () => work(nextOf.patch()), get: () => work(nextOf.get()) },
    close: () => shard.shard.stop(),
  }
}
