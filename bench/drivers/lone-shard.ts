// A shard alone in a process: encoded batches of commands in, encoded replies out, everything between them and nothing
// around them. And the batches that it is given.
import { systemClocks, systemWakeAfter } from '../../src/base/clock.ts'
import { defaultLimits } from '../../src/base/limits.ts'
import { MemoryJournal } from '../../src/journal/memory.ts'
import { type Codec, type CodecCommand, jsonCodec } from '../../src/protocol/codec.ts'
import { progressSlotCount, type ReplyBody } from '../../src/protocol/mailbox.ts'
import { messagePackCodec } from '../../src/protocol/message-pack.ts'
import { Shard } from '../../src/shard/shard.ts'
import { leadOf, randomNumbers, tableName } from '../support/workload.ts'

export const commandsPerBatch = 512
/** Different batches, so that the records of a large table have their turn. */
const batchCount = 64

type Commands = readonly CodecCommand[]

/** A message as it lies in a mailbox. */
export type Body = string | Uint8Array

export function batches(kind: 'patch' | 'get', records: number, { encode }: LoneShard): Body[] {
  const nextId = randomNumbers(records)
  const command = (): CodecCommand => {
    const id = nextId()
    return kind === 'get'
      ? { name: 'GET_RECORD', args: { id } }
      : { name: 'PATCH_RECORD', args: { id, data: { score: id % 1_000 } } }
  }
  return Array.from({ length: batchCount }, () => encode(Array.from({ length: commandsPerBatch }, command)))
}

/** The items one after another, again and again. */
export function rotating<Item>(items: readonly Item[]): () => Item {
  let index = 0
  return () => {
    index = (index + 1) % items.length
    return items[index] as Item
  }
}

export class LoneShard {
  readonly shard: Shard
  readonly #sentAs: 'msgpack' | 'json'
  readonly #codec: Codec
  #batchNumber = 0
  #settle: (body: ReplyBody) => void = () => {}
  #fail: (error: unknown) => void = () => {}

  constructor(sentAs: 'msgpack' | 'json') {
    this.#sentAs = sentAs
    this.#codec = sentAs === 'json' ? jsonCodec : messagePackCodec
    this.shard = new Shard({
      id: 0,
      shards: 1,
      limits: defaultLimits,
      journal: new MemoryJournal(),
      clocks: systemClocks,
      send: ([reply]) => {
        if (reply !== undefined) this.#settle(reply[1])
      },
      schedule: setImmediate,
      wakeAfter: systemWakeAfter,
      onFailure: (error) => this.#fail(error),
      progress: new Int32Array(new SharedArrayBuffer(progressSlotCount * Int32Array.BYTES_PER_ELEMENT)),
    })
  }

  static async started(sentAs: 'msgpack' | 'json'): Promise<LoneShard> {
    const lone = new LoneShard(sentAs)
    await lone.shard.recover()
    return lone
  }

  readonly encode = (commands: Commands): Body => {
    const bytes = new Uint8Array(this.#codec.encodeCommands(commands))
    return this.#sentAs === 'json' ? Buffer.from(bytes).toString() : bytes
  }

  /** One batch, from its bytes to the bytes of its replies. */
  async run(body: Body): Promise<Body> {
    const reply = await new Promise<ReplyBody>((resolve, reject) => {
      this.#settle = resolve
      this.#fail = reject
      this.#batchNumber += 1
      this.shard.receive({ number: this.#batchNumber, entries: [[1, this.#sentAs, tableName, body]] })
    })
    return typeof reply === 'string' ? reply : ((reply as Uint8Array[])[0] as Uint8Array)
  }

  async fill(records: number): Promise<void> {
    await this.#expectOk([{ name: 'CREATE_STATE', args: {} }])
    for (let first = 1; first <= records; first += commandsPerBatch) {
      const length = Math.min(commandsPerBatch, records - first + 1)
      const command = (_: unknown, index: number): CodecCommand => {
        const id = first + index
        return { name: 'CREATE_RECORD', args: { data: { id, ...leadOf(id) } } }
      }
      await this.#expectOk(Array.from({ length }, command))
    }
  }

  async #expectOk(commands: Commands): Promise<void> {
    const reply = await this.run(this.encode(commands))
    const bytes = typeof reply === 'string' ? Buffer.from(reply) : reply
    const refused = this.#codec.decodeReplies(bytes, commands).find(({ status }) => status !== 'ok')
    if (refused !== undefined) throw new Error(JSON.stringify(refused))
  }
}
