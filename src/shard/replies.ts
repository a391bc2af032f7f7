// Everything that a shard answers with, on its way from the answers of a request to whoever waits for them: encoded once,
// kept where the request may come again, sent to each request that is the same message.

import { threadsMs } from '../base/clock.ts'
import type { Durability } from '../base/durability.ts'
import type { Limits } from '../base/limits.ts'
import { type KeptRow, keyedTable } from '../journal/kept-rows.ts'
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import type { MailboxEntry, ReplyBody, ReplyEntry } from '../protocol/mailbox.ts'
import type { Job } from './batch.ts'
import { type EncodingSteps, encode, isSteps } from './encode.ts'
import { givenReply, keptReply } from './kept-reply.ts'
import { KeyedReplies } from './keyed-replies.ts'
import { answerable, answeredEarly, wholesOf } from './request-parts.ts'
import { Retries } from './retries.ts'
import type { Counters } from './statistics.ts'
import type { Answer, Task } from './task.ts'

export interface RepliesOptions {
  readonly limits: Limits
  readonly durability: Durability
  readonly counters: Counters
  readonly send: (replies: ReplyEntry[]) => void
  /** A reply is so long that it is encoded in steps. */
  readonly onJob: (job: Job) => void
}

export class Replies {
  readonly retries: Retries
  readonly keyed: KeyedReplies
  readonly #options: RepliesOptions
  /** What was encoded for the commit of the batch. */
  readonly #encoded = new Map<Task, ReplyBody | EncodingSteps>()

  constructor(options: RepliesOptions) {
    this.#options = options
    this.keyed = new KeyedReplies(options.limits)
    this.retries = new Retries(options.limits, options.durability !== 'memory')
  }

  /**
   * What is answered of a request already, when it is taken up; mostly nothing. Undefined for one that is not to be run:
   * it came before, and is answered now, or together with the first.
   */
  begin(entry: MailboxEntry, mono: number): readonly (Answer | null)[] | undefined {
    if (entry[4] === undefined) return nothing
    const begun = this.retries.begin(entry, mono)
    if ('code' in begun) this.#refuse(entry, begun)
    else if (begun.outcome === 'run') return begun.answers
    else if (begun.outcome === 'answered') this.#options.send([[entry[0], begun.reply]])
    else if (begun.isParked) this.#options.send([[entry[0], null, 'parked']])
    return undefined
  }

  /** Refuses a request that is none. */
  refuse(entry: MailboxEntry, refused: Refusal): void {
    if (entry[4] !== undefined) this.retries.abandon(entry)
    this.#refuse(entry, refused)
  }

  /**
   * The client of a request that waits is gone. Answers with the request whose command is to be called off; undefined
   * where the same message came again, and waits on.
   */
  cancel(id: number): number | undefined {
    const waiting = this.retries.cancel(id)
    // Nobody reads this, but the router waits for it.
    if (waiting === undefined) {
      this.#options.send([[id, refusalReply(refusal('OUTCOME_UNKNOWN', { reason: 'the client is gone' }))]])
    }
    return waiting
  }

  /** What belongs into the commit of what these requests have changed. */
  rows(tasks: readonly Task[]): readonly KeptRow[] {
    if (this.#options.durability === 'memory') return []
    const rows = this.retries.rows(wholesOf(tasks), (task) => {
      const body = this.#encode(task)
      this.#encoded.set(task, body)
      return body
    })
    return [...this.keyed.rows(), ...rows]
  }

  /** The rows are committed. */
  adopt(): void {
    this.retries.adopt()
    this.keyed.adopt()
  }

  /** Takes a row that was recovered. */
  load(row: KeptRow, mono: number): void {
    if (row.table === keyedTable) this.keyed.load(row)
    else this.retries.load(row, mono)
  }

  statistics() {
    const { retries, keyed } = this
    return {
      sessions: retries.sessions,
      repliesKept: retries.replies + keyed.size,
      retriesAnswered: retries.answeredAgain + keyed.answeredAgain,
    }
  }

  /** The journal refused the rows, and the requests are decided again. */
  takeBack(): void {
    this.retries.takeBack()
    this.keyed.takeBack()
    this.#encoded.clear()
  }

  /** Sends the replies of those requests that are done by now, and what else there is to send with them. */
  release(tasks: readonly Task[], replies: ReplyEntry[]): void {
    const at = threadsMs()
    for (const task of answerable(tasks)) this.#reply(task, replies, at)
    for (const task of tasks) this.#replyEarly(task, replies)
    this.#encoded.clear()
    if (replies.length > 0) this.#options.send(replies)
  }

  /** Sends a reply that was encoded in steps. */
  sendLong(ids: readonly number[], body: ReplyBody): void {
    this.#options.send(entriesOf(ids, body))
  }

  #reply(task: Task, replies: ReplyEntry[], at: number): void {
    // The router counts transactions, whose steps are no commands.
    if (task.step === undefined) this.#options.counters.count(task.answers, at - task.arrivedAt)
    else this.#options.counters.countFencedStep(task.answers)
    const body = this.#encode(task)
    const ids = task.numbered === undefined ? [task.id] : this.retries.answer(task, body)
    if (isSteps(body)) this.#options.onJob({ kind: 'reply', task, ids, steps: body, tookMs: 0 })
    else if (ids.length === 1) replies.push([ids[0] as number, body])
    else replies.push(...entriesOf(ids, body))
  }

  /** Tells what a part has come to, whose request goes on waiting: in the end it gets the reply of all of it. */
  #replyEarly(task: Task, replies: ReplyEntry[]): void {
    const places = answeredEarly(task)
    if (places === undefined) return
    const body = encode(task, this.#options.limits.replyBytesMax)
    if (!isSteps(body)) replies.push([task.id, body, places])
  }

  #encode(task: Task): ReplyBody | EncodingSteps {
    return this.#encoded.get(task) ?? encode(task, this.#options.limits.replyBytesMax)
  }

  #refuse([id, sentAs]: MailboxEntry, refused: Refusal): void {
    const reply = refusalReply(refused)
    this.#options.counters.commands.add('', refused.code)
    this.#options.send([[id, sentAs === 'json' ? JSON.stringify(reply) : reply]])
  }
}

const nothing: readonly Answer[] = []

/** The same reply for each of these requests; memory that changes threads can do so only once. */
function entriesOf(ids: readonly number[], body: ReplyBody): ReplyEntry[] {
  const kept = ids.length > 1 ? keptReply(body) : undefined
  return ids.map((id, index) => [id, index === 0 || kept === undefined ? body : givenReply(kept)])
}
