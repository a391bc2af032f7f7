// The entry of the stateless pool: work that needs no state and would keep the router's thread too long. Frames arrive
// transferred.
import type { Refusal } from '../src/protocol/errors.ts'
import {
  type Message,
  type MessageElement,
  type MessageOptions,
  readLongPacked,
  readMessage,
} from '../src/protocol/message.ts'

export function takeApart({ frame, options }: { frame: Uint8Array; options: MessageOptions }): Message | Refusal {
  return readMessage(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength), options)
}

export function takePackedApart(task: { frame: Uint8Array; routingKey: string }): MessageElement | undefined {
  return readLongPacked(task.frame, task.routingKey)
}
