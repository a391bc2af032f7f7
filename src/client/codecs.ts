// The codecs that this client has, the best one first. A server says in HELLO which ones it understands.
import { type Codec, jsonCodec } from '../protocol/codec.ts'
import { messagePackCodec } from '../protocol/message-pack.ts'

const codecs: readonly Codec[] = [messagePackCodec, jsonCodec]

/** The best codec that both sides have. Every server has JSON. */
export function bestCodec(offered: readonly string[]): Codec {
  return codecs.find((codec) => offered.includes(codec.name)) ?? jsonCodec
}
