// A list of a keyspace as a queue of work: what is pushed first is taken first, and taken on a lease. An item leaves for
// good when it is acknowledged; whoever dies, or is too slow, gives it back without doing anything.
import type { CommandName } from '../protocol/commands.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { type WriteCallOptions, withFence } from './fence.ts'
import { secondsOf } from './key-values.ts'
import type { Json } from './rows.ts'

export interface QueueOptions {
  /** How long a worker has for an item, where `take` says nothing else, in milliseconds. Default: 30,000. */
  readonly leaseMs?: number | undefined
}

export interface TakeOptions extends WriteCallOptions {
  /** How long the item is kept from others, in milliseconds. Default: what the queue was made with. */
  readonly leaseMs?: number | undefined
  /** How long to wait for an item where there is none, in milliseconds; `timeoutMs` comes on top. Default: 0. */
  readonly waitMs?: number | undefined
}

const defaultLeaseMs = 30_000

/**
 * A queue with items of type `Item`. Workers should bear to see an item twice: one whose lease ended before it was
 * acknowledged goes to the next worker, whatever the first has done with it.
 */
export class Queue<Item = JsonValue> {
  readonly key: string
  readonly #caller: Caller
  readonly #keyspace: string
  readonly #leaseMs: number

  /** Use `keys.queue`. */
  constructor(caller: Caller, keyspace: string, key: string, { leaseMs = defaultLeaseMs }: QueueOptions = {}) {
    this.#caller = caller
    this.#keyspace = keyspace
    this.key = key
    this.#leaseMs = leaseMs
  }

  /** Puts an item behind all others. Resolves to the number of items that wait. */
  push(item: Json<Item>, options?: WriteCallOptions): Promise<number> {
    const args: JsonObject = { key: this.key, item: item as JsonValue }
    return this.#run('PUSH_LIST', args, lengthOf, options)
  }

  /**
   * Takes the first item; undefined where none came in time. Those who wait are served in the order in which they came.
   * If the signal ends the wait and an item comes nevertheless, it goes back at once. After `OUTCOME_UNKNOWN`, as when the
   * connection was lost, take again: an item that was on its way comes back at the end of its lease.
   */
  take(options: TakeOptions = {}): Promise<QueueItem<Item> | undefined> {
    const { leaseMs = this.#leaseMs, waitMs, signal } = options
    const args: JsonObject = { key: this.key, end: 'first', lease: secondsOf(leaseMs) }
    if (waitMs !== undefined) args.wait = secondsOf(waitMs)
    const read = ({ item, token, deliveries }: JsonObject): QueueItem<Item> | undefined => {
      if (token === undefined) return undefined
      const taken = new QueueItem<Item>(this, item as Item, token as number, deliveries as number)
      // Nobody waits for it any more. If it cannot be given back now, its lease will.
      if (signal?.aborted === true) taken.return().catch(() => {})
      return taken
    }
    return this.#run('POP_LIST', args, read, options)
  }

  /** Removes a taken item for good. Resolves to false if its lease was over: then somebody else gets it, or has it. */
  ack(token: number, options?: WriteCallOptions): Promise<boolean> {
    return this.#run('ACK_ITEM', { key: this.key, token }, acknowledgedOf, options)
  }

  /** Gives a taken item back, to be the next that is taken. Resolves to false if its lease was over. */
  return(token: number, options?: WriteCallOptions): Promise<boolean> {
    return this.#run('RETURN_ITEM', { key: this.key, token }, returnedOf, options)
  }

  /** The number of items that wait; those that are taken do not count. */
  length(options?: CallOptions): Promise<number> {
    return this.#run('LIST_LENGTH', { key: this.key }, lengthOf, options)
  }

  #run<Result>(
    name: CommandName,
    args: JsonObject,
    read: (reply: JsonObject) => Result,
    options: WriteCallOptions | undefined,
  ): Promise<Result> {
    return this.#caller.run(name, this.#keyspace, withFence(name, args, options), read, options)
  }
}

/** An item that was taken from a queue. */
export class QueueItem<Item = JsonValue> {
  readonly item: Item
  /** Stands for this lease of the item. */
  readonly token: number
  /** How often the item was taken, this time included: above 1, somebody has begun with it before. */
  readonly deliveries: number
  readonly #queue: Queue<Item>

  constructor(queue: Queue<Item>, item: Item, token: number, deliveries: number) {
    this.#queue = queue
    this.item = item
    this.token = token
    this.deliveries = deliveries
  }

  /** Removes the item for good. Resolves to false if its lease was over: then somebody else gets it, or has it. */
  ack(options?: WriteCallOptions): Promise<boolean> {
    return this.#queue.ack(this.token, options)
  }

  /** Gives the item back, to be the next that is taken. Resolves to false if its lease was over. */
  return(options?: WriteCallOptions): Promise<boolean> {
    return this.#queue.return(this.token, options)
  }
}

function lengthOf(reply: JsonObject): number {
  return reply.length as number
}

function acknowledgedOf(reply: JsonObject): boolean {
  return reply.acknowledged as boolean
}

function returnedOf(reply: JsonObject): boolean {
  return reply.returned as boolean
}
