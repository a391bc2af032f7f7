// The calls that were not sent yet, in the order in which they were made, and how they are put into messages: all calls
// on one routing key together, in their order, as many as a message should hold.
import type { Call } from './call.ts'

/** What may still be sent. */
export interface Room {
  messages: number
  commands: number
  bytes: number
}

/** What one message may hold. */
export interface MessageBounds {
  readonly commandsMax: number
  readonly bytesMax: number
}

interface Group {
  readonly calls: Call[]
  bytes: number
}

/** So many places of calls that left are kept at the head of the queue before they are cut off. */
const spentMax = 1_024

export class CallQueue {
  #calls: Call[] = []
  #head = 0

  get length(): number {
    return this.#calls.length - this.#head
  }

  push(call: Call): void {
    this.#calls.push(call)
  }

  /** Puts calls back that had their turn already, to where they were. */
  putBack(calls: readonly Call[]): void {
    if (calls.length === 0) return
    this.#calls = [...calls, ...this.#calls.slice(this.#head)].sort((one, other) => one.sequence - other.sequence)
    this.#head = 0
  }

  /** Takes out all calls. */
  takeAll(): Call[] {
    const calls = this.#calls.slice(this.#head)
    this.#calls = []
    this.#head = 0
    return calls
  }

  /**
   * Takes calls out, first those that were made first, and groups them into messages, until there is no more `room`.
   * Calls for which `isHeld` are taken out, but not sent: whoever holds them puts them back.
   */
  takeMessages(room: Room, bounds: MessageBounds, isHeld: (call: Call) => boolean): Call[][] {
    const messages: Call[][] = []
    const groups = new Map<string, Group>()
    let lastKey: string | undefined
    let last: Group | undefined
    for (; this.#head < this.#calls.length; this.#head += 1) {
      const call = this.#calls[this.#head] as Call
      if (call.isOver || isHeld(call)) continue
      if (room.commands <= 0 || room.bytes <= 0) break
      let group = call.routingKey === lastKey ? last : groups.get(call.routingKey)
      if (group === undefined || call.isAlone || isFull(group, call, bounds)) {
        if (room.messages <= 0) break
        room.messages -= 1
        group = { calls: [], bytes: 0 }
        messages.push(group.calls)
        // Nothing joins a call that is alone: it counts as full.
        if (call.isAlone) group.bytes = bounds.bytesMax
        groups.set(call.routingKey, group)
      }
      group.calls.push(call)
      group.bytes += call.bytes
      room.commands -= 1
      room.bytes -= call.bytes
      lastKey = call.routingKey
      last = group
    }
    this.#cutOff()
    return messages
  }

  /** Forgets the calls that are over; calls `expire` with each other one. */
  sweep(expire: (call: Call) => void): void {
    for (let index = this.#head; index < this.#calls.length; index += 1) {
      const call = this.#calls[index] as Call
      if (!call.isOver) expire(call)
    }
    this.#calls = this.#calls.slice(this.#head).filter((call) => !call.isOver)
    this.#head = 0
  }

  #cutOff(): void {
    if (this.#head < this.#calls.length && (this.#head < spentMax || this.#head * 2 < this.#calls.length)) return
    this.#calls = this.#calls.slice(this.#head)
    this.#head = 0
  }
}

function isFull({ calls, bytes }: Group, call: Call, { commandsMax, bytesMax }: MessageBounds): boolean {
  return calls.length >= commandsMax || bytes + call.bytes > bytesMax
}
