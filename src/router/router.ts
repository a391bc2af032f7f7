// The router: finds out who runs a command, and makes sure that exactly one answer comes of it. It knows mailboxes, not
// shards, and never looks into the body of a routed message.
import { randomInt } from 'node:crypto'
import { systemWakeAfter, type WakeAfter } from '../base/clock.ts'
import type { Durability } from '../base/durability.ts'
import { durationBounds, Histogram } from '../base/histogram.ts'
import type { Limits } from '../base/limits.ts'
import { type Log, silentLog } from '../base/log.ts'
import { OutcomeCounts } from '../base/outcome-counts.ts'
import { shardOf } from '../base/placement.ts'
import { serverVersion } from '../base/version.ts'
import { jsonCodec } from '../protocol/codec.ts'
import { commands } from '../protocol/commands.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import { refusal, refusalReply } from '../protocol/errors.ts'
import { protocolVersion } from '../protocol/frames.ts'
import type { Numbered, ReplyBody, RequestBody, SentAs } from '../protocol/mailbox.ts'
import type { MessageCommand, MessageElement } from '../protocol/message.ts'
import { messagePackCodec } from '../protocol/message-pack.ts'
import { spreadFeature } from '../protocol/spread.ts'
import type { FeedStatistics, FrontEndStatistics, ShardCondition } from '../protocol/statistics.ts'
import { replyOfOnly } from '../protocol/transactions.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { type BackupStore, Backups } from './backups.ts'
import { Cuts } from './cut.ts'
import { fanOut, type Join } from './fan-out.ts'
import { joinsOf, type RouterFacts } from './joins.ts'
import type { Mailbox, OnParked, Respond } from './mailbox.ts'
import type { Quarantine } from './quarantine.ts'
import { Snapshots } from './snapshots.ts'
import { Transactions } from './transactions.ts'

/** Worst first. */
const codecNames = [jsonCodec.name, messagePackCodec.name]

/** A shard that stands so will serve before long; one that will not is no reason to keep everybody from the others. */
const passing: ReadonlySet<ShardCondition> = new Set(['recovering', 'stalled'])

export interface RouterOptions {
  readonly mailboxes: readonly Mailbox[]
  readonly limits: Limits
  readonly durability: Durability
  readonly quarantine: Quarantine
  /** Whose states these are: the same for as long as they are kept. */
  readonly dataId: string
  /** Milliseconds from an arbitrary start. */
  readonly now: () => number
  /** Where backups are kept; undefined for nowhere. */
  readonly backups?: BackupStore | undefined
  readonly log?: Log
  /** For what is tried again later. Default: a timer. */
  readonly wakeAfter?: WakeAfter
}

export class Router {
  readonly #options: RouterOptions
  readonly #startedAt: number
  readonly #joins: Partial<Record<string, Join>>
  // Rises when states were lost. Random below the millisecond, so that no two servers have the same.
  #instance = Date.now() * 1000 + randomInt(1000)
  #draining = false
  /** Seconds from the arrival of a request that a shard answered to its reply. */
  readonly requestSeconds = new Histogram(durationBounds)
  /** The same of transactions alone. */
  readonly transactionSeconds = new Histogram(durationBounds)
  /** What the router answered itself: the shards count the rest. */
  readonly answered = new OutcomeCounts()
  readonly #transactions: Transactions
  /** For what all shards have to do at one moment. */
  readonly cuts: Cuts
  readonly backups: Backups
  readonly snapshots: Snapshots

  constructor(options: RouterOptions) {
    this.#options = options
    this.#startedAt = options.now()
    const { mailboxes, limits, durability, wakeAfter = systemWakeAfter } = options
    const isDurable = durability !== 'memory'
    this.#transactions = new Transactions({ mailboxes, limits, wakeAfter, isDurable })
    const { decisions } = this.#transactions
    this.cuts = new Cuts({ mailboxes, decisions, deadlineMs: limits.requestDeadlineMs, wakeAfter })
    const { backups: store, log = silentLog } = options
    this.backups = new Backups({ store, take: (body) => this.cuts.take(body), log })
    this.snapshots = new Snapshots({
      mailboxes,
      limits,
      cuts: this.cuts,
      transactions: this.#transactions,
      wakeAfter,
      isDurable,
      wall: Date.now,
      now: options.now,
    })
    const facts = (): RouterFacts => ({
      uptimeSeconds: (options.now() - this.#startedAt) / 1000,
      instance: this.#instance,
      durability: options.durability,
    })
    this.#joins = joinsOf(facts, () => ({
      mailboxes,
      answered: this.answered.list(),
      requestSeconds: this.requestSeconds.snapshot(),
      frontEnd: this.frontEnd?.statistics(),
      feed: this.feed?.statistics(),
    }))
  }

  /** Where the feed of changes can be subscribed to; undefined for nowhere. */
  feedEndpoint: string | undefined
  /** Who has more to tell for STATS: those that there are. */
  frontEnd: { statistics(): FrontEndStatistics } | undefined
  feed: { statistics(): FeedStatistics } | undefined

  /** Changes when a client can no longer rely on what it knew of the server. */
  get instance(): number {
    return this.#instance
  }

  /** Transactions by how many shards were involved, and what came of them. */
  get transactions(): OutcomeCounts {
    return this.#transactions.counts
  }

  get isReady(): boolean {
    return !this.#draining && this.#options.mailboxes.every(({ condition }) => !passing.has(condition))
  }

  /** Whether commands are taken up, and in words which shards do not serve. */
  readiness(): { readonly isReady: boolean; readonly notes: readonly string[] } {
    const notes = this.#options.mailboxes.flatMap(({ shard, condition }) =>
      condition === 'serving' ? [] : [`shard ${shard} is ${condition}`],
    )
    return { isReady: this.isReady, notes }
  }

  /** A shard came back without the states it had. */
  noticeLoss(): void {
    this.#instance += 1
  }

  /** Runs one command of a plain message or of an embedded caller. `respond` is called exactly once. */
  run(
    element: MessageElement,
    codec: 'json' | 'values',
    respond: Respond,
    onParked?: OnParked,
    numbered?: Numbered,
  ): void {
    if ('refusal' in element) return this.#answer('', refusalReply(element.refusal), element.requestId, respond)
    const { name, requestId } = element
    if (this.#draining) return this.#answer(name, refusalReply(refusal('SHUTTING_DOWN', {})), requestId, respond)
    switch (commands[name].routing) {
      case 'state': {
        const { routingKey, command, body, bytes } = element
        if (this.#isFencedElsewhere(element)) return this.#runFenced(element, respond)
        if (codec === 'values')
          return this.#toShard(name, routingKey, 'values', command, 0, requestId, respond, onParked, numbered)
        const sent = typeof body === 'string' ? 'json' : 'sliced'
        return this.#toShard(name, routingKey, sent, body, bytes, requestId, respond, onParked, numbered)
      }
      case 'shards':
        return this.#toAllShards(element, respond)
      case 'operations':
        return this.#runTransaction(element, respond)
      case 'cuts':
        return this.#runCut(element, respond)
      case 'router':
        return this.#answer(name, this.#own(element), requestId, respond)
    }
  }

  /** Sends the body of a routed message to the shard of its routing key, unread. */
  runRouted(
    routingKey: string,
    sentAs: SentAs,
    body: string | Uint8Array,
    respond: Respond,
    onParked?: OnParked,
    numbered?: Numbered,
  ): void {
    if (this.#draining) return this.#answer('', refusalReply(refusal('SHUTTING_DOWN', {})), {}, respond)
    this.#toShard('', routingKey, sentAs, body, body.length, {}, respond, onParked, numbered)
  }

  /** Runs the commands of an array, dispatched in its order; `respond` gets their replies in the same order. */
  runAll(elements: readonly MessageElement[], codec: 'json' | 'values', respond: (replies: ReplyBody[]) => void): void {
    const replies: ReplyBody[] = []
    let missing = elements.length
    this.runEach(elements, codec, (body, index) => {
      replies[index] = body
      missing -= 1
      if (missing === 0) respond(replies)
    })
  }

  /**
   * Runs commands in their order, and tells each reply as it comes. Behind a transaction, a snapshot or a backup the next waits for
   * its answer. The last two also wait for the answers to all that stand before them, as a cut passes by what takes its steps.
   */
  runEach(
    elements: readonly MessageElement[],
    codec: 'json' | 'values',
    answered: (body: ReplyBody, index: number) => void,
  ): void {
    let open = 0
    let waiting: (() => void) | undefined
    const goOn = (from: number): void => {
      for (let index = from; index < elements.length; index += 1) {
        const element = elements[index] as MessageElement
        const routing = 'name' in element ? commands[element.name].routing : undefined
        const isCut = routing === 'cuts'
        if (isCut && open > 0) {
          waiting = () => goOn(index)
          return
        }
        const isWaitedFor = routing === 'operations' || isCut || ('name' in element && this.#isFencedElsewhere(element))
        open += 1
        this.run(element, codec, (body) => {
          open -= 1
          answered(body, index)
          if (isWaitedFor) goOn(index + 1)
          else if (open === 0) {
            const next = waiting
            waiting = undefined
            next?.()
          }
        })
        if (isWaitedFor) return
      }
    }
    goOn(0)
  }

  /** Refuses what comes from now on, and resolves once everything before it is answered. */
  async drain(): Promise<void> {
    this.#draining = true
    this.backups.stop()
    // Whoever waits hears at once that nothing will come.
    for (const mailbox of this.#options.mailboxes) mailbox.drain()
    await this.snapshots.drain()
    await this.#transactions.drain()
    await Promise.all(this.#options.mailboxes.map((mailbox) => mailbox.whenIdle()))
  }

  #toShard(
    name: string,
    routingKey: string,
    sentAs: SentAs,
    body: RequestBody,
    bytes: number,
    requestId: JsonObject,
    respond: Respond,
    onParked: OnParked | undefined,
    numbered?: Numbered,
  ): void {
    const { mailboxes, now } = this.#options
    const mailbox = mailboxes[shardOf(routingKey, mailboxes.length)] as Mailbox
    const submittedAt = now()
    mailbox.submit({
      sentAs,
      routingKey,
      body,
      bytes,
      respond: (reply, early) => {
        if (early === undefined) this.requestSeconds.observe((now() - submittedAt) / 1000)
        respond(reply, early)
      },
      refuse: (refused) => this.#answer(name, refusalReply(refused), requestId, respond),
      onParked,
      numbered,
    })
  }

  #runTransaction({ name, command, requestId }: MessageCommand, respond: Respond): void {
    const { now } = this.#options
    const submittedAt = now()
    const { ops, idempotency_key: key } = command as { ops: JsonValue[]; idempotency_key?: string }
    this.#transactions.run(ops, key, (reply) => {
      const seconds = (now() - submittedAt) / 1000
      this.requestSeconds.observe(seconds)
      this.transactionSeconds.observe(seconds)
      this.#answer(name, reply, requestId, respond)
    })
  }

  #runCut({ name, command, requestId }: MessageCommand, respond: Respond): void {
    if (name === 'BACKUP') {
      void this.backups.make(command.name as string).then((reply) => this.#answer(name, reply, requestId, respond))
      return
    }
    const { now } = this.#options
    const submittedAt = now()
    this.snapshots.run(name, command, (reply) => {
      this.requestSeconds.observe((now() - submittedAt) / 1000)
      this.#answer(name, reply, requestId, respond)
    })
  }

  /** Whether the lock that a write is fenced by lives on another shard than the state: no shard alone can run it. */
  #isFencedElsewhere({ routingKey, fencedBy }: MessageCommand): boolean {
    const { length } = this.#options.mailboxes
    return fencedBy !== undefined && shardOf(fencedBy, length) !== shardOf(routingKey, length)
  }

  /** Such a write is a transaction: what of it is answered is the write's own reply. */
  #runFenced({ name, routingKey, command, requestId }: MessageCommand, respond: Respond): void {
    const { now } = this.#options
    const submittedAt = now()
    const { request_id: _, idempotency_key: key, ...write } = command
    this.#transactions.run([{ ...write, state: routingKey }], key as string | undefined, (reply) => {
      this.requestSeconds.observe((now() - submittedAt) / 1000)
      this.#answer(name, replyOfOnly(reply), requestId, respond)
    })
  }

  #toAllShards(element: MessageCommand, respond: Respond): void {
    const { mailboxes, limits, now } = this.#options
    const submittedAt = now()
    fanOut(mailboxes, element, this.#joins[element.name] as Join, limits.requestDeadlineMs, (reply) => {
      this.requestSeconds.observe((now() - submittedAt) / 1000)
      respond({ ...(reply as JsonObject), ...element.requestId })
    })
  }

  #answer(command: string, reply: JsonObject, requestId: JsonObject, respond: Respond): void {
    this.answered.add(command, typeof reply.code === 'string' ? reply.code : 'ok')
    respond({ ...reply, ...requestId })
  }

  /** What the router runs itself. */
  #own({ name, command }: MessageCommand): JsonObject {
    const { quarantine, mailboxes } = this.#options
    switch (name) {
      case 'LIST_QUARANTINED':
        return { status: 'ok', shards: quarantine.list() }
      case 'RELEASE_SHARD': {
        const shard = command.shard as number
        if (shard >= mailboxes.length) return refusalReply(invalidRequest(`there is no shard ${shard}`))
        return { status: 'ok', released: quarantine.release(shard) }
      }
      case 'HELLO':
        return this.#hello()
      default:
        return { status: 'ok', pong: true }
    }
  }

  #hello(): JsonObject {
    const { mailboxes, limits, durability, dataId } = this.#options
    return {
      status: 'ok',
      name: 'holdfast',
      server_version: serverVersion,
      protocol: protocolVersion,
      codecs: codecNames,
      instance: this.#instance,
      shards: mailboxes.length,
      durability,
      feed: this.feedEndpoint ?? null,
      limits: {
        message_bytes_max: limits.messageBytesMax,
        reply_bytes_max: limits.replyBytesMax,
        commands_per_message_max: limits.commandsPerMessageMax,
        requests_in_flight_per_peer_max: limits.requestsInFlightPerPeerMax,
        record_bytes_max: limits.recordBytesMax,
        value_bytes_max: limits.valueBytesMax,
      },
      data_id: dataId,
      features: [spreadFeature],
    }
  }
}
