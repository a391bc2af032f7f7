// What a server says of itself in HELLO, and what follows from it for a client.
import type { Codec } from '../protocol/codec.ts'
import { spreadFeature } from '../protocol/spread.ts'
import { isObject, type JsonObject, type JsonValue } from '../protocol/value.ts'
import { bestCodec } from './codecs.ts'

export interface ServerInfo {
  readonly endpoint: string
  readonly version: string
  /** Another number than before: it is another server, or it has lost states. */
  readonly instance: number
  /** Whose data it has: the same after a restart, and for a server in memory mode another one. */
  readonly dataId: string
  readonly shards: number
  /** Whether it understands messages on several names of a shard. */
  readonly spreads: boolean
  readonly durability: string
  /** Where it publishes what happens; undefined for nowhere. */
  readonly feed: string | undefined
  readonly limits: ServerLimits
}

/** The bounds that a client has to keep to. */
export interface ServerLimits {
  readonly messageBytesMax: number
  readonly replyBytesMax: number
  readonly commandsPerMessageMax: number
  readonly requestsInFlightMax: number
  readonly recordBytesMax: number
}

/** The reply to HELLO, read; undefined if this cannot be the reply of a Holdfast. */
export function readHello(reply: JsonValue | undefined, endpoint: string): ServerInfo | undefined {
  if (!isObject(reply) || reply.name !== 'holdfast' || !isObject(reply.limits)) return undefined
  const { limits } = reply
  return {
    endpoint,
    version: reply.server_version as string,
    instance: reply.instance as number,
    dataId: typeof reply.data_id === 'string' ? reply.data_id : JSON.stringify(reply.instance ?? 0),
    shards: reply.shards as number,
    spreads: Array.isArray(reply.features) && reply.features.includes(spreadFeature),
    durability: reply.durability as string,
    feed: typeof reply.feed === 'string' ? reply.feed : undefined,
    limits: {
      messageBytesMax: limits.message_bytes_max as number,
      replyBytesMax: limits.reply_bytes_max as number,
      commandsPerMessageMax: limits.commands_per_message_max as number,
      requestsInFlightMax: limits.requests_in_flight_per_peer_max as number,
      recordBytesMax: limits.record_bytes_max as number,
    },
  }
}

export function codecOf({ codecs }: JsonObject): Codec {
  return bestCodec(Array.isArray(codecs) ? codecs.map(String) : [])
}
