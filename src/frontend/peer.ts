// What is kept of each client: its unanswered requests as a number, and its replies that could not leave yet. A client
// is known from its first message until its connection ends, and the number of clients is bounded.

import { Queue } from '../base/queue.ts'
import type { Incoming } from './incoming.ts'

/** A reply on its way: the frames to send, the client's identity first. */
export interface Reply {
  readonly frames: Buffer[]
  readonly bytes: number
}

/** Whether the writer has anything to do for a client: nothing, soon, or not before the client has read something. */
export type WritingState = 'idle' | 'ready' | 'blocked'

export class Peer {
  readonly identity: Buffer
  /** False for one that the table has no room for: it hears a refusal if it can be sent at once, and is forgotten. */
  readonly isKnown: boolean
  /** Its connection has ended. Answers to what it had asked for are dropped. */
  isGone = false
  /** Requests that are not answered yet. */
  inFlight = 0
  /** A large message of its own is taken apart elsewhere: what it sends meanwhile waits. */
  isHeld = false
  readonly waiting = new Queue<Incoming>()
  /** How to call off each of its commands that wait in a shard. */
  readonly parked = new Set<() => void>()
  waitingBytes = 0
  readonly replies = new Queue<Reply>()
  replyBytes = 0
  writing: WritingState = 'idle'
  /** Sends in a row that failed because it does not read. */
  failures = 0

  constructor(identity: Buffer, isKnown: boolean) {
    this.identity = identity
    this.isKnown = isKnown
  }
}

export class Peers {
  readonly #peers = new Map<string, Peer>()
  readonly #peersMax: number

  constructor(peersMax: number) {
    this.#peersMax = peersMax
  }

  get size(): number {
    return this.#peers.size
  }

  /** The client of this identity. */
  of(identity: Buffer): Peer {
    const key = identity.toString('latin1')
    const known = this.#peers.get(key)
    if (known !== undefined) return known
    const peer = new Peer(identity, this.#peers.size < this.#peersMax)
    if (peer.isKnown) this.#peers.set(key, peer)
    return peer
  }

  /** Forgets a client, and hands back what was known of it. */
  remove(identity: Buffer): Peer | undefined {
    const key = identity.toString('latin1')
    const peer = this.#peers.get(key)
    this.#peers.delete(key)
    return peer
  }
}
