// Write messages that a client may send again because no reply came: each runs once, and whoever sends it again gets the
// reply that it had. Owned by one shard, which asks for the rows to commit, and tells what became of them.
// Invariant: a message that changed something has its row in the commit of that change, so that both are there or neither.
import type { Limits } from '../base/limits.ts'
import { type KeptRow, keptKey, keptNumberOf, retryTable, settledOnly } from '../journal/kept-rows.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import { errorTable, type Refusal, refusal } from '../protocol/errors.ts'
import type { MailboxEntry, Numbered, ReplyBody, SentAs } from '../protocol/mailbox.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { type EncodingSteps, encodeKept } from './encode.ts'
import { givenReply, type KeptReply, keptFromRow, keptToRow, sizeOfKept } from './kept-reply.ts'
import { isDone } from './request-parts.ts'
import { type Answer, hasWritten, type Task } from './task.ts'

interface Session {
  readonly name: string
  /** By number, about in the order of the numbers. */
  readonly calls: Map<number, Call>
  /** Every lower number was answered, and its answer has arrived or is not waited for. */
  settled: number
  /** The highest number that was seen. */
  highest: number
  running: number
  /** On the clock that never goes back. */
  usedAt: number
  /** Rows of settled messages; they go with the next row of this session, which says up to where all are settled. */
  removals: KeptRow[]
}

/** One message. It runs, or it has a reply, or the answers so far were recovered. */
interface Call {
  readonly session: Session
  readonly number: number
  readonly routingKey: string
  readonly sentAs: SentAs
  /** The requests that wait for its reply: each is the same message, sent again. */
  ids: number[]
  /** The request that was taken up. */
  id: number
  isRunning: boolean
  isParked: boolean
  /** Nobody wants its reply any more. */
  isGivenUp: boolean
  /**
   * What an earlier life of the shard had answered and committed before it died in the middle of a long command; null
   * where commands on one of several names had not got as far as others.
   */
  answers: readonly (Answer | null)[]
  reply: KeptReply | undefined
  hasRow: boolean
}

export type Begun =
  | { readonly outcome: 'run'; readonly answers: readonly (Answer | null)[] }
  | { readonly outcome: 'answered'; readonly reply: ReplyBody }
  | { readonly outcome: 'joined'; readonly isParked: boolean }

/** One kept reply may take so many bytes; reads that do not fit are refused in it, and asked again by who reads it. */
const keptReplyBytesMax = 1024 * 1024
/** What a message costs besides its reply. */
const callBytes = 200

export class Retries {
  readonly #limits: Limits
  readonly #isKept: boolean
  /** The one that was not used for the longest time comes first. */
  readonly #sessions = new Map<string, Session>()
  /** Sessions that were dropped, with the highest number of each. */
  readonly #dropped = new Map<string, number>()
  /** Those that are parked, by each request that waits for them. */
  readonly #parked = new Map<number, Call>()
  #removals: KeptRow[] = []
  #committing: { readonly call: Call; readonly reply: KeptReply | undefined }[] = []
  #bytes = 0
  #replies = 0
  answeredAgain = 0

  /** `isKept`: whether what is committed survives the shard. */
  constructor(limits: Limits, isKept: boolean) {
    this.#limits = limits
    this.#isKept = isKept
  }

  get sessions(): number {
    return this.#sessions.size
  }

  get replies(): number {
    return this.#replies
  }

  /** Takes a row that was recovered. */
  load({ routingKey, key, value }: KeptRow, mono: number): void {
    const [name, number] = keptNumberOf(key)
    const { settled, sent_as: sentAs, reply, answers } = value as JsonObject
    const session = this.#sessions.get(name) ?? this.#newSession(name, mono)
    session.settled = Math.max(session.settled, settled as number)
    session.highest = Math.max(session.highest, number, session.settled - 1)
    if (number === settledOnly) {
      // The next row of the session says it too.
      session.removals.push({ table: retryTable, routingKey, key, value: undefined })
      return
    }
    const call = newCall(session, number, routingKey, sentAs as SentAs, 0)
    call.isRunning = false
    call.hasRow = true
    session.running -= 1
    if (reply === undefined) call.answers = answers as unknown as (Answer | null)[]
    else this.#keep(call, keptFromRow(reply, call.sentAs))
  }

  /** What becomes of a numbered request: it runs, or was answered before, or is refused. */
  begin([id, sentAs, routingKey, , numbered]: MailboxEntry, mono: number): Begun | Refusal {
    const [name, number, settled, mayBeLost] = numbered as Numbered
    this.#dropIdle(mono)
    const session = this.#take(name, number, mono)
    if ('code' in session) return session
    this.#settle(session, settled)
    if (number < session.settled) return expired(number)
    const found = session.calls.get(number)
    if (found === undefined) {
      if (mayBeLost && !this.#isKept) return expired(number)
      if (this.#bytes >= this.#limits.keptReplyBytesPerShardMax) {
        return refusal('OVERLOADED', { what: 'the replies that are kept to be given again' })
      }
      newCall(session, number, routingKey, sentAs, id)
      return { outcome: 'run', answers: [] }
    }
    if (found.routingKey !== routingKey) return invalidRequest(`another message has the number ${number}`)
    if (found.sentAs !== sentAs) return expired(number)
    this.answeredAgain += 1
    if (found.reply !== undefined) return { outcome: 'answered', reply: givenReply(found.reply) }
    found.ids.push(id)
    if (found.isRunning) {
      if (found.isParked) this.#parked.set(id, found)
      return { outcome: 'joined', isParked: found.isParked }
    }
    found.id = id
    found.isRunning = true
    session.running += 1
    return { outcome: 'run', answers: found.answers }
  }

  /** The body of the message is no request. */
  abandon([, , , , numbered]: MailboxEntry): void {
    const [name, number] = numbered as Numbered
    const call = this.#sessions.get(name)?.calls.get(number)
    if (call === undefined) return
    this.#end(call)
    this.#forget(call)
  }

  /** The message waits in the shard. */
  park(task: Task): void {
    const call = this.#callOf(task)
    call.isParked = true
    for (const id of call.ids) this.#parked.set(id, call)
  }

  /**
   * The client of this request is gone. Answers with the request whose command is to be called off; undefined where the
   * same message came again, and waits on.
   */
  cancel(id: number): number | undefined {
    const call = this.#parked.get(id)
    if (call === undefined) return id
    if (call.ids.length === 1) {
      call.isGivenUp = true
      return call.id
    }
    this.#parked.delete(id)
    call.ids = call.ids.filter((other) => other !== id)
    return undefined
  }

  /** The rows that belong into the commit of what these requests have changed. */
  rows(tasks: Iterable<Task>, encoded: (task: Task) => ReplyBody | EncodingSteps): KeptRow[] {
    this.#committing = []
    const written: KeptRow[] = []
    const sessions = new Set<Session>()
    for (const task of tasks) {
      if (task.numbered === undefined || !task.answers.some(hasWritten)) continue
      const call = this.#callOf(task)
      const reply = isDone(task) ? this.#keptOf(task, encoded(task)) : undefined
      const { settled } = call.session
      const rest =
        reply === undefined
          ? { answers: Array.from(task.answers, (answer) => answer ?? null) }
          : { reply: keptToRow(reply) }
      const value = { settled, sent_as: call.sentAs, ...rest } as unknown as JsonValue
      written.push({ ...placeOf(call), value })
      this.#committing.push({ call, reply })
      sessions.add(call.session)
    }
    return [...this.#removals, ...[...sessions].flatMap(({ removals }) => removals), ...written]
  }

  /** The rows are committed. */
  adopt(): void {
    this.#removals = []
    for (const { call, reply } of this.#committing.splice(0)) {
      call.hasRow = true
      call.session.removals = []
      call.reply = reply
    }
  }

  /** The journal refused them. */
  takeBack(): void {
    this.#committing = []
  }

  /** The message is answered. Returns the requests that get its reply. */
  answer(task: Task, body: ReplyBody | EncodingSteps): readonly number[] {
    const call = this.#callOf(task)
    const { ids } = call
    const reply = call.reply ?? this.#keptOf(task, body)
    call.reply = undefined
    // Who was refused for a reason that passes sends the same message again, and wants it to run then.
    const isOver = call.number < call.session.settled || call.isGivenUp || task.answers.every(isPassing)
    this.#end(call)
    if (isOver) this.#forget(call)
    else this.#keep(call, reply)
    return ids
  }

  #keptOf(task: Task, body: ReplyBody | EncodingSteps): KeptReply {
    return encodeKept(task, body, keptReplyBytesMax)
  }

  #callOf({ numbered }: Task): Call {
    const [name, number] = numbered as Numbered
    return this.#sessions.get(name)?.calls.get(number) as Call
  }

  #take(name: string, number: number, mono: number): Session | Refusal {
    const known = this.#sessions.get(name)
    if (known !== undefined) {
      this.#touch(known, mono)
      known.highest = Math.max(known.highest, number)
      return known
    }
    const dropped = this.#dropped.get(name)
    if (dropped !== undefined && number <= dropped) return expired(number)
    const { sessionsPerShardMax } = this.#limits
    if (this.#sessions.size >= sessionsPerShardMax) {
      return refusal('OVERLOADED', { what: `${sessionsPerShardMax} clients have written to this shard lately` })
    }
    const session = this.#newSession(name, mono)
    session.highest = number
    return session
  }

  #newSession(name: string, mono: number): Session {
    const session: Session = {
      name,
      calls: new Map(),
      settled: 0,
      highest: 0,
      running: 0,
      usedAt: mono,
      removals: [],
    }
    this.#sessions.set(name, session)
    return session
  }

  #touch(session: Session, mono: number): void {
    session.usedAt = mono
    this.#sessions.delete(session.name)
    this.#sessions.set(session.name, session)
  }

  #settle(session: Session, settled: number): void {
    if (settled <= session.settled) return
    session.settled = settled
    for (const [number, call] of session.calls) {
      if (number >= settled) return
      if (!call.isRunning) this.#forget(call)
    }
  }

  #dropIdle(mono: number): void {
    for (const session of this.#sessions.values()) {
      if (session.usedAt + this.#limits.sessionIdleMs > mono) return
      if (session.running > 0) {
        this.#touch(session, mono)
        continue
      }
      for (const call of session.calls.values()) this.#forget(call)
      this.#removals.push(...session.removals)
      this.#sessions.delete(session.name)
      this.#dropped.set(session.name, session.highest)
      if (this.#dropped.size <= this.#limits.sessionsPerShardMax) continue
      for (const oldest of this.#dropped.keys()) {
        this.#dropped.delete(oldest)
        break
      }
    }
  }

  #keep(call: Call, reply: KeptReply): void {
    call.reply = reply
    this.#replies += 1
    this.#bytes += callBytes + sizeOfKept(reply)
  }

  #forget(call: Call): void {
    call.session.calls.delete(call.number)
    if (call.hasRow) call.session.removals.push({ ...placeOf(call), value: undefined })
    if (call.reply === undefined) return
    this.#replies -= 1
    this.#bytes -= callBytes + sizeOfKept(call.reply)
  }

  #end(call: Call): void {
    call.isRunning = false
    call.isParked = false
    call.session.running -= 1
    if (this.#parked.size > 0) for (const id of call.ids) this.#parked.delete(id)
    call.ids = []
  }
}

function newCall(session: Session, number: number, routingKey: string, sentAs: SentAs, id: number): Call {
  const call: Call = {
    session,
    number,
    routingKey,
    sentAs,
    ids: [id],
    id,
    isRunning: true,
    isParked: false,
    isGivenUp: false,
    answers: [],
    reply: undefined,
    hasRow: false,
  }
  session.calls.set(number, call)
  session.running += 1
  return call
}

function placeOf({ session, number, routingKey }: Call): Omit<KeptRow, 'value'> {
  return { table: retryTable, routingKey, key: keptKey(session.name, number) }
}

function expired(number: number): Refusal {
  return refusal('SESSION_EXPIRED', { number })
}

function isPassing({ refusal: refused }: Answer): boolean {
  return refused !== undefined && errorTable[refused.code].class === 'try again'
}
