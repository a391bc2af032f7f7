// The router's side of one shard: what was sent and not answered, what is about to be sent, and what happens to both
// when the shard dies. Every request gets exactly one answer from here, whatever becomes of the shard.
// Bounded: beyond its limits a request is refused at once and never waits.
import type { Limits } from '../base/limits.ts'
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import type {
  MailboxBatch,
  MailboxEntry,
  Numbered,
  ReplyBody,
  ReplyEntry,
  RequestBody,
  SentAs,
} from '../protocol/mailbox.ts'
import type { ShardCondition } from '../protocol/statistics.ts'
import { isObject, type JsonObject, type JsonValue } from '../protocol/value.ts'

/** One life of a shard, as far as the data plane goes. */
export interface Connection {
  post(batch: MailboxBatch): void
}

/** `early`: the places of the commands that these are the replies of, where the reply of all of them is yet to come. */
export type Respond = (body: ReplyBody, early?: readonly number[]) => void

/** A request for the shard. Either `respond` gets the shard's reply, or `refuse` the refusal that stands for it. */
export interface ShardRequest {
  readonly sentAs: SentAs
  readonly routingKey: string
  readonly body: RequestBody
  readonly bytes: number
  readonly respond: Respond
  readonly refuse: (refusal: Refusal) => void
  /** The command waits in its shard. `cancel` says that nobody wants its reply any more. */
  readonly onParked?: OnParked | undefined
  /** Present for a write message that its client may send again. */
  readonly numbered?: Numbered | undefined
}

export type OnParked = (cancel: () => void) => void

interface Pending {
  readonly request: ShardRequest
  readonly sentAt: number
  /** Refused because it took too long; its place stays taken until the shard answers or dies. */
  isExpired: boolean
  /** It waits in the shard, which knows for how long. */
  isParked: boolean
  /** 0 while the request has not left yet. */
  batchNumber: number
}

export interface MailboxOptions {
  readonly shard: number
  readonly limits: Limits
  /** Calls back at the end of this turn of the event loop: all requests of a turn leave in one batch. */
  readonly schedule: (flush: () => void) => void
  /** Milliseconds from an arbitrary start. */
  readonly now: () => number
}

export class Mailbox {
  readonly shard: number
  readonly #options: MailboxOptions
  readonly #pending = new Map<number, Pending>()
  #connection: Connection | undefined
  #outgoing: MailboxEntry[] = []
  #bytes = 0
  #lastId = 0
  #lives = 0
  #batchNumber = 0
  #flushScheduled = false
  #refusedWith: Refusal | undefined
  /** Called when a life of the shard begins, before anything is sent to it. */
  onAttach: (() => void) | undefined
  /** The shard waits for its disk: what is sent waits with it. */
  isStalled = false
  readonly #watched = new Set<string>()
  readonly #readyWaiters = new Set<() => void>()
  readonly #idleWaiters = new Set<() => void>()

  constructor(options: MailboxOptions) {
    this.shard = options.shard
    this.#options = options
  }

  /** Requests that the shard has not answered. */
  get depth(): number {
    return this.#pending.size
  }

  /** About how many bytes they have. */
  get bytes(): number {
    return this.#bytes
  }

  /** How often the shard began to serve. */
  get lives(): number {
    return this.#lives
  }

  get isReady(): boolean {
    return this.#connection !== undefined
  }

  get condition(): ShardCondition {
    if (this.#refusedWith !== undefined) return this.#refusedWith.code === 'QUARANTINED' ? 'quarantined' : 'corrupt'
    if (!this.isReady) return 'recovering'
    return this.isStalled ? 'stalled' : 'serving'
  }

  /** Whether the shard does not serve now, and will again. */
  get isAway(): boolean {
    return this.#connection === undefined && this.#refusedWith === undefined
  }

  /** The refusal of what is sent while the shard does not serve. */
  get awayRefusal(): Refusal {
    return this.#refusedWith ?? this.#recovering()
  }

  /** The number of the last batch that was posted to this life of the shard. */
  get batchNumber(): number {
    return this.#batchNumber
  }

  /** Takes a request. One that cannot be taken is refused at once. */
  submit(request: ShardRequest): void {
    const { limits, now } = this.#options
    const { sentAs, routingKey, body, bytes, numbered } = request
    if (this.#refusedWith !== undefined) return request.refuse(this.#refusedWith)
    if (this.#connection === undefined) return request.refuse(this.#recovering())
    if (this.#pending.size >= limits.mailboxCommandsMax || this.#bytes + bytes > limits.mailboxBytesMax) {
      return request.refuse(refusal('OVERLOADED', { what: `the mailbox of shard ${this.shard} is full` }))
    }
    this.#lastId += 1
    this.#pending.set(this.#lastId, { request, sentAt: now(), isExpired: false, isParked: false, batchNumber: 0 })
    this.#bytes += bytes
    if (numbered === undefined) this.#post([this.#lastId, sentAs, routingKey, body])
    else this.#post([this.#lastId, sentAs, routingKey, body, this.#numberedNow(numbered)])
  }

  /** Has the shard do a step of something that the router leads. Resolves to its reply, or to the refusal as one. */
  ask(sentAs: 'transaction' | 'snapshot' | 'cut', step: object, bytes = 0): Promise<JsonObject> {
    return new Promise((resolve) => {
      this.submit({
        sentAs,
        routingKey: '',
        body: step as JsonValue,
        bytes,
        respond: (reply) => resolve(isObject(reply) ? reply : {}),
        refuse: (refused) => resolve(refusalReply(refused)),
      })
    })
  }

  /** The first life of a shard has had no other before it that could have run what comes again. */
  #numberedNow([session, number, settled, isAgain]: Numbered): Numbered {
    return [session, number, settled, isAgain && this.#lives > 1]
  }

  /** Has the shard refuse all who wait in it, and whoever would from now on. */
  drain(): void {
    if (this.#connection !== undefined) this.#post([0, 'drain', '', null])
  }

  /** What happens to a state is to be published from now on, in all lives of the shard. */
  watch(state: string): void {
    this.#watched.add(state)
    if (this.#connection !== undefined) this.#post([0, 'watch', state, null])
  }

  unwatch(state: string): void {
    this.#watched.delete(state)
    if (this.#connection !== undefined) this.#post([0, 'unwatch', state, null])
  }

  #post(entry: MailboxEntry): void {
    this.#outgoing.push(entry)
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    this.#options.schedule(() => this.flush())
  }

  /** Posts what has gathered. */
  flush(): void {
    this.#flushScheduled = false
    if (this.#outgoing.length === 0 || this.#connection === undefined) return
    this.#batchNumber += 1
    const entries = this.#outgoing
    this.#outgoing = []
    for (const [id] of entries) {
      const pending = this.#pending.get(id)
      if (pending?.batchNumber === 0) pending.batchNumber = this.#batchNumber
    }
    this.#connection.post({ number: this.#batchNumber, entries })
  }

  /** Hands the replies of the shard to those who wait for them. */
  settle(replies: readonly ReplyEntry[]): void {
    for (const [id, body, note] of replies) {
      const pending = this.#pending.get(id)
      if (pending === undefined) continue
      if (note !== undefined) {
        if (note === 'parked') this.#noticeParked(id, pending)
        else if (!pending.isExpired) pending.request.respond(body, note)
        continue
      }
      this.#pending.delete(id)
      this.#bytes -= pending.request.bytes
      if (!pending.isExpired) pending.request.respond(body)
    }
    this.#noticeIdle()
  }

  #noticeParked(id: number, pending: Pending): void {
    pending.isParked = true
    const { onParked, routingKey } = pending.request
    const cancel = (): void => {
      // It may be answered by now, or lost with its shard.
      if (this.#pending.get(id) === pending) this.#post([id, 'cancel', routingKey, null])
    }
    if (pending.isExpired) cancel()
    else onParked?.(cancel)
  }

  /** The shard serves, with nothing received yet. */
  attach(connection: Connection): void {
    this.#connection = connection
    this.#lives += 1
    this.#batchNumber = 0
    this.#refusedWith = undefined
    this.isStalled = false
    for (const state of this.#watched) this.#post([0, 'watch', state, null])
    this.onAttach?.()
    this.#noticeReady()
  }

  /** The shard will not serve: every request is refused with this from now on. */
  refuseAll(refused: Refusal): void {
    this.#refusedWith = refused
    this.#noticeReady()
  }

  /** The shard is to serve after all, and is started. */
  refuseNoLonger(): void {
    this.#refusedWith = undefined
  }

  /** A request that the shard has not answered, by the low 32 bits of its entry's id. */
  pendingRequest(lowBits: number): ShardRequest | undefined {
    return this.#pending.get(this.#lastId - ((this.#lastId - lowBits) | 0))?.request
  }

  /**
   * The shard is gone. `batchTaken` is the last batch that it took from its mailbox: what came later never reached it,
   * and is refused as not run; of the rest nobody can tell.
   */
  detach(batchTaken: number): void {
    this.#connection = undefined
    this.#outgoing = []
    this.#bytes = 0
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const { batchNumber, request, isExpired } of pending) {
      if (isExpired) continue
      // Batch numbers wrap around in the shard's shared counter, so that only their difference can be compared.
      const delivered = batchNumber !== 0 && ((batchNumber - batchTaken) | 0) <= 0
      const reason = `shard ${this.shard} stopped before it answered`
      request.refuse(delivered ? refusal('OUTCOME_UNKNOWN', { reason }) : this.#recovering())
    }
    this.#noticeIdle()
  }

  /** Refuses what took too long. */
  expire(): void {
    const { limits, now } = this.#options
    const sentBefore = now() - limits.requestDeadlineMs
    for (const pending of this.#pending.values()) {
      if (pending.sentAt > sentBefore) return
      if (pending.isExpired || pending.isParked) continue
      pending.isExpired = true
      const reason = `shard ${this.shard} did not answer within ${limits.requestDeadlineMs / 1000} s`
      pending.request.refuse(refusal('OUTCOME_UNKNOWN', { reason }))
    }
  }

  /** Calls back once the shard serves, or will not; at once if that is known. Returns how to give up waiting. */
  whenReady(ready: () => void): () => void {
    if (this.isReady || this.#refusedWith !== undefined) {
      ready()
      return () => {}
    }
    this.#readyWaiters.add(ready)
    return () => this.#readyWaiters.delete(ready)
  }

  /** Resolves once nothing is pending. */
  async whenIdle(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#idleWaiters.add(resolve))
  }

  #noticeReady(): void {
    for (const ready of this.#readyWaiters) ready()
    this.#readyWaiters.clear()
  }

  #noticeIdle(): void {
    if (this.#pending.size > 0 || this.#idleWaiters.size === 0) return
    for (const idle of this.#idleWaiters) idle()
    this.#idleWaiters.clear()
  }

  #recovering(): Refusal {
    return refusal('SHARD_RECOVERING', { shard: this.shard })
  }
}
