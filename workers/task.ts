// The entry of the stateless pool: work that needs no state and would keep the router's thread too long. Frames arrive
// transferred.
import type { Refusal } from '../src/protocol/errors.ts'
import {
  type Message,
  type MessageElement,
  type MessageOptions,
  readLongBody,
  readMessage,
} from '../src/protocol/message.ts'

export function takeApart({ frame, options }: { frame: Uint8Array; options: MessageOptions }): Message | Refusal {
  return readMessage(bufferOver(frame), options)
}

export function findLongList(task: {
  frame: Uint8Array
  isPacked: boolean
  routingKey: string
}): MessageElement | undefined {
  return readLongBody(bufferOver(task.frame), task.isPacked, task.routingKey)
}

function bufferOver(frame: Uint8Array): Buffer {
  return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
}
