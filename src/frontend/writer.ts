// The only sender on the socket: one send at a time, or ZeroMQ refuses the second. Replies that a client does not take
// wait in its own queue, which is bounded, and stand in nobody else's way: clients are served in turns.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import type { Peer, Reply } from './peer.ts'

export interface WriterOptions {
  /** Sends at once or not at all: rejects with EAGAIN when the client's queue is full, EHOSTUNREACH when it is gone. */
  readonly send: (frames: Reply['frames']) => Promise<void>
  readonly limits: Limits
  readonly log: Log
  /** A reply could not be delivered because its client is gone. */
  readonly onUnreachable: (peer: Peer) => void
}

/** So many replies may one client get before it is the next one's turn. */
const repliesPerTurn = 32
/** After so many sends in a row the event loop gets its turn. */
const sendsPerTurn = 256
/**
 * ZeroMQ does not tell when a client could take a reply again, so it is tried: first in the next turns, since a burst may
 * only have outrun ZeroMQ's own thread, then after a while that doubles. Ten thousand clients that do not read at all
 * cost some percent of a core.
 */
const quickRetriesMax = 4
const retryMsMin = 1
const retryMsMax = 512

export class Writer {
  readonly #options: WriterOptions
  #ready: Peer[] = []
  readonly #retries = new Map<Peer, NodeJS.Timeout>()
  #isRunning = false
  #isStopped = false
  readonly #emptyWaiters = new Set<() => void>()
  #queued = 0
  #queuedBytes = 0
  #sent = 0
  #bytesSent = 0
  readonly #dropped = { peer_gone: 0, queue_full: 0 }

  constructor(options: WriterOptions) {
    this.#options = options
  }

  statistics() {
    return {
      repliesSent: this.#sent,
      bytesSent: this.#bytesSent,
      repliesQueued: this.#queued,
      replyBytesQueued: this.#queuedBytes,
      repliesDropped: { ...this.#dropped },
    }
  }

  /** Whether the client leaves so much unread that nothing more is kept for it. */
  isFull({ replies, replyBytes }: Peer): boolean {
    const { repliesQueuedPerPeerMax, replyBytesQueuedPerPeerMax } = this.#options.limits
    return replies.length >= repliesQueuedPerPeerMax || replyBytes >= replyBytesQueuedPerPeerMax
  }

  /** Takes a reply, sends it when it can be sent, and drops it if it never can. */
  write(peer: Peer, reply: Reply): void {
    if (peer.isGone || this.#isStopped) {
      this.#dropped.peer_gone += 1
      return
    }
    if (this.isFull(peer)) {
      this.#dropped.queue_full += 1
      return
    }
    peer.replies.push(reply)
    peer.replyBytes += reply.bytes
    this.#queued += 1
    this.#queuedBytes += reply.bytes
    if (peer.writing === 'idle') this.#makeReady(peer)
    else if (this.isFull(peer)) this.#noticeFull(peer)
  }

  #noticeFull({ identity, replies, replyBytes }: Peer): void {
    const fields = { client: identity.toString('hex'), replies: replies.length, bytes: replyBytes }
    this.#options.log.warn(
      { event: 'client_dropped', ...fields },
      'a client does not read its replies: what it asks for now is ignored',
    )
  }

  /** Drops what waits for a client that is gone. */
  forget(peer: Peer): void {
    peer.isGone = true
    this.#drop(peer, 'peer_gone')
    clearTimeout(this.#retries.get(peer))
    this.#retries.delete(peer)
  }

  /** Resolves once nothing waits. */
  async whenEmpty(): Promise<void> {
    if (this.#queued > 0) await new Promise<void>((resolve) => this.#emptyWaiters.add(resolve))
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#isStopped = true
    for (const timer of this.#retries.values()) clearTimeout(timer)
    this.#retries.clear()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    let sends = 0
    while (this.#ready.length > 0 && !this.#isStopped) {
      const turn = this.#ready
      this.#ready = []
      for (const peer of turn) {
        sends += await this.#serve(peer)
        if (sends < sendsPerTurn) continue
        sends = 0
        await nextTurn()
      }
    }
    this.#isRunning = false
  }

  /** Gives one client its turn; returns how many sends that took. */
  async #serve(peer: Peer): Promise<number> {
    for (let sends = 0; sends < repliesPerTurn; sends += 1) {
      const reply = this.#isStopped ? undefined : peer.replies.first()
      if (reply === undefined) {
        peer.writing = 'idle'
        return sends
      }
      try {
        await this.#options.send(reply.frames)
      } catch (error) {
        this.#noticeFailure(peer, error)
        return sends + 1
      }
      peer.failures = 0
      this.#sent += 1
      this.#bytesSent += reply.bytes
      this.#remove(peer, reply)
    }
    this.#ready.push(peer)
    return repliesPerTurn
  }

  #noticeFailure(peer: Peer, error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code
    peer.writing = 'idle'
    if (code === 'EAGAIN' && peer.isKnown) return this.#tryLater(peer)
    if (code === 'EAGAIN') return this.#drop(peer, 'queue_full')
    if (code !== 'EHOSTUNREACH')
      this.#options.log.error({ event: 'reply_failed', error: String(error) }, 'a reply could not be sent')
    this.#options.onUnreachable(peer)
  }

  #tryLater(peer: Peer): void {
    if (peer.isGone || this.#isStopped) return
    peer.writing = 'blocked'
    peer.failures += 1
    const retry = (): void => {
      this.#retries.delete(peer)
      this.#makeReady(peer)
    }
    const slowRetries = peer.failures - quickRetriesMax
    if (slowRetries <= 0) setImmediate(retry)
    else this.#retries.set(peer, setTimeout(retry, Math.min(retryMsMin * 2 ** (slowRetries - 1), retryMsMax)))
  }

  #makeReady(peer: Peer): void {
    peer.writing = 'ready'
    this.#ready.push(peer)
    if (!this.#isRunning) void this.#run()
  }

  /** Takes a sent reply out of its queue, unless the client went meanwhile and its queue with it. */
  #remove(peer: Peer, reply: Reply): void {
    if (peer.replies.first() !== reply) return
    peer.replies.shift()
    peer.replyBytes -= reply.bytes
    this.#uncount(1, reply.bytes)
  }

  #drop(peer: Peer, reason: 'peer_gone' | 'queue_full'): void {
    const { replies, replyBytes } = peer
    this.#dropped[reason] += replies.length
    this.#uncount(replies.length, replyBytes)
    replies.clear()
    peer.replyBytes = 0
  }

  #uncount(count: number, bytes: number): void {
    this.#queued -= count
    this.#queuedBytes -= bytes
    if (this.#queued > 0 || this.#emptyWaiters.size === 0) return
    for (const empty of this.#emptyWaiters) empty()
    this.#emptyWaiters.clear()
  }
}
