// The entry of the stateless pool: work that needs no state and would keep the router's thread too long. Frames arrive
// transferred, and long lists leave so.
import { move, transferableSymbol, valueSymbol } from 'piscina'
import type { Refusal } from '../src/protocol/errors.ts'
import {
  type Message,
  type MessageElement,
  type MessageOptions,
  readLongBody,
  readMessage,
} from '../src/protocol/message.ts'

export function takeApart({ frame, options }: { frame: Uint8Array; options: MessageOptions }): Message | Refusal {
  const message = readMessage(bufferOver(frame), options)
  return 'code' in message ? message : moved(message, message.elements)
}

export function findLongList(task: {
  frame: Uint8Array
  isPacked: boolean
  routingKey: string
}): MessageElement | undefined {
  const element = readLongBody(bufferOver(task.frame), task.isPacked, task.routingKey)
  return element && moved(element, [element])
}

function bufferOver(frame: Uint8Array): Buffer {
  return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
}

/** The result, in the form in which Piscina transfers the memory of its long lists instead of copying it. */
function moved<Result>(result: Result, elements: readonly MessageElement[]): Result {
  const memory = elements.flatMap((element) =>
    'body' in element && typeof element.body === 'object' ? [element.body.slices.text.buffer as ArrayBuffer] : [],
  )
  if (memory.length === 0) return result
  const transferable = {
    get [transferableSymbol]() {
      return memory
    },
    get [valueSymbol]() {
      return result
    },
  }
  return move(transferable as unknown as ArrayBuffer) as Result
}
