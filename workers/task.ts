// The entry of the stateless pool: work that needs no state and would keep the router's thread too long.

import type { Refusal } from '../src/protocol/errors.ts'
import { type Message, type MessageOptions, readMessage } from '../src/protocol/message.ts'

/** Takes a large message apart; its frame was transferred. */
export function takeApart({ frame, options }: { frame: Uint8Array; options: MessageOptions }): Message | Refusal {
  return readMessage(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength), options)
}
