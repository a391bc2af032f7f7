// The calls that were not sent yet, in the order in which they were made, and how they are put into messages: as many as a
// message should hold together, of those that may share one. Calls on one routing key keep their order.
import { shardOf } from '../base/placement.ts'
import type { Call } from './call.ts'
import type { ServerInfo } from './server-info.ts'

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
  /** Routing keys with calls that left alone, behind this message: what comes later on these must not go with it. */
  barred: Set<string> | undefined
}

/** Calls whose routing keys are on one lane may share a message. */
export type LaneOf = (routingKey: string) => string | number

/** One for the router, and one for each shard; or one for each routing key, where a server does not know several in one. */
export function lanesAt({ spreads, shards }: ServerInfo): LaneOf {
  return (routingKey) => {
    if (!spreads || routingKey === '') return routingKey
    return shards === 1 ? 0 : shardOf(routingKey, shards)
  }
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
   * Calls whose routing keys have the same lane may share one. Calls for which `isHeld` are taken out, but not sent: whoever
   * holds them puts them back.
   */
  takeMessages(room: Room, bounds: MessageBounds, isHeld: (call: Call) => boolean, laneOf: LaneOf): Call[][] {
    const messages: Call[][] = []
    const groups = new Map<string | number, Group>()
    let lastKey: string | undefined
    let lane: string | number = ''
    let last: Group | undefined
    for (; this.#head < this.#calls.length; this.#head += 1) {
      const call = this.#calls[this.#head] as Call
      if (call.isOver || isHeld(call)) continue
      if (room.commands <= 0 || room.bytes <= 0) break
      const { routingKey } = call
      if (routingKey !== lastKey) {
        lane = laneOf(routingKey)
        lastKey = routingKey
        last = groups.get(lane)
      }
      if (call.isAlone || last === undefined || isFull(last, call, bounds)) {
        if (room.messages <= 0) break
        room.messages -= 1
        const calls = [call]
        messages.push(calls)
        if (!call.isAlone) {
          last = { calls, bytes: call.bytes, barred: undefined }
          groups.set(lane, last)
        } else if (last !== undefined) (last.barred ??= new Set()).add(routingKey)
      } else {
        last.calls.push(call)
        last.bytes += call.bytes
      }
      room.commands -= 1
      room.bytes -= call.bytes
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

function isFull({ calls, bytes, barred }: Group, call: Call, { commandsMax, bytesMax }: MessageBounds): boolean {
  return calls.length >= commandsMax || bytes + call.bytes > bytesMax || barred?.has(call.routingKey) === true
}
