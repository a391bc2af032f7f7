// Runs transactions: on the one shard that owns all its states, or over several, where the shard of the first operation
// decides. It keeps nothing that is needed: what it forgets, by dying with the process, the shards have written down, and
// whoever comes back is asked for it.
// Invariant: each step is posted to all its shards in one turn, so two transactions come to all shards in the same order,
// and neither ever waits for the other in a circle. A caller hears that a transaction is committed after the decision is,
// and that it is not only when it never will be.
import { randomBytes } from 'node:crypto'
import type { WakeAfter } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import { OutcomeCounts } from '../base/outcome-counts.ts'
import { shardOf } from '../base/placement.ts'
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import { hashOfCommand, type Keyed } from '../protocol/keyed.ts'
import {
  type Operation,
  type RestoreOperation,
  readOperations,
  routingKeyOf,
  type TransactionStep,
} from '../protocol/transactions.ts'
import { approximateBytes, type JsonObject, type JsonValue } from '../protocol/value.ts'
import { Decisions } from './decisions.ts'
import type { Mailbox } from './mailbox.ts'

/** What could not be brought to its end is tried again after so long, where nothing tells when it could be. */
const retryMs = 1_000

export interface TransactionsOptions {
  readonly mailboxes: readonly Mailbox[]
  readonly limits: Limits
  readonly wakeAfter: WakeAfter
  /** Whether shards come back with what they had prepared and decided. */
  readonly isDurable: boolean
}

/** The operations of one shard. */
interface Participant {
  readonly mailbox: Mailbox
  readonly operations: Operation[]
}

export class Transactions {
  readonly #options: TransactionsOptions
  /** Which of them one shard shows already and another not yet. */
  readonly decisions = new Decisions()
  /** By how many shards were involved, `one` or `many`, and what came of it: `ok`, or the code of the refusal. */
  readonly counts = new OutcomeCounts()
  /** No two processes have the same, so no transaction of another one is ever taken for one of this. */
  readonly #prefix = randomBytes(8).toString('hex')
  #lastNumber = 0
  /** Those that were begun here, until they have come to their end. */
  readonly #live = new Map<string, Promise<void>>()
  readonly #working = new Set<Promise<void>>()
  /** Ends the wait of those who would try again. */
  readonly #wakes = new Set<() => void>()
  #isDraining = false

  constructor(options: TransactionsOptions) {
    this.#options = options
    // Where there is one shard, none ever waits for another.
    if (!options.isDurable || options.mailboxes.length === 1) return
    for (const mailbox of options.mailboxes) mailbox.onAttach = () => this.#work(this.#takeOver(mailbox))
  }

  /** Runs a transaction, whose form was checked, once for each idempotency key; `respond` is called once. */
  run(ops: readonly JsonValue[], key: string | undefined, respond: (reply: JsonObject) => void): void {
    const operations = readOperations(ops, this.#options.limits.operationsPerTransactionMax)
    const participants = 'code' in operations ? [] : this.#participantsOf(operations)
    const span = participants.length > 1 ? 'many' : 'one'
    const answer = (reply: JsonObject): void => {
      this.counts.add(span, typeof reply.code === 'string' ? reply.code : 'ok')
      respond(reply)
    }
    const [only] = participants
    if ('code' in operations) return answer(refusalReply(operations))
    const keyed = key === undefined ? undefined : keyedOf(key, operations, ops)
    if (span === 'many') this.#begin(participants, keyed, answer)
    else if (only !== undefined) {
      void this.#ask(only.mailbox, { step: 'run', operations, keyed }).then((reply) => answer(shown(reply)))
    }
  }

  /** Restores what these shards have loaded, on all of them or on none. Resolves to the reply. */
  restore(loaded: readonly { readonly mailbox: Mailbox; readonly operation: RestoreOperation }[]): Promise<JsonObject> {
    const participants = loaded.map(({ mailbox, operation }) => ({ mailbox, operations: [operation] }))
    const [only] = participants
    if (participants.length > 1) return new Promise((resolve) => this.#begin(participants, undefined, resolve))
    return only === undefined
      ? Promise.resolve({ status: 'ok' })
      : this.#ask(only.mailbox, { step: 'run', operations: only.operations })
  }

  /** Resolves when all that can be brought to an end is; the rest is left to the next start. */
  async drain(): Promise<void> {
    this.#isDraining = true
    for (const wake of this.#wakes) wake()
    while (this.#working.size > 0) await Promise.all(this.#working)
  }

  #work(work: Promise<void>): void {
    this.#working.add(work)
    void work.finally(() => this.#working.delete(work))
  }

  #participantsOf(operations: readonly Operation[]): Participant[] {
    const { mailboxes } = this.#options
    const participants = new Map<number, Participant>()
    for (const operation of operations) {
      const shard = shardOf(routingKeyOf(operation), mailboxes.length)
      const participant = participants.get(shard) ?? { mailbox: mailboxes[shard] as Mailbox, operations: [] }
      participant.operations.push(operation)
      participants.set(shard, participant)
    }
    return [...participants.values()]
  }

  #begin(participants: readonly Participant[], keyed: Keyed | undefined, answer: (reply: JsonObject) => void): void {
    const away = participants.find(({ mailbox }) => !mailbox.isReady)
    // Nothing has begun. A shard that never comes back has a refusal of its own.
    if (away !== undefined) return answer(refusalReply(away.mailbox.awayRefusal))
    this.#lastNumber += 1
    const transaction = `${this.#prefix}-${this.#lastNumber}`
    const running = this.#runOverMany(transaction, participants, keyed, answer)
    this.#live.set(transaction, running)
    this.#work(running.finally(() => this.#live.delete(transaction)))
  }

  async #runOverMany(
    transaction: string,
    participants: readonly Participant[],
    keyed: Keyed | undefined,
    answer: (reply: JsonObject) => void,
  ): Promise<void> {
    const [decider, ...others] = participants.map(({ mailbox }) => mailbox) as [Mailbox, ...Mailbox[]]
    const votes = await Promise.all(
      participants.map(({ mailbox, operations: own }) => {
        const part = { transaction, decider: decider.shard, isDecider: mailbox === decider }
        return this.#ask(mailbox, { step: 'prepare', operations: own, part, keyed: part.isDecider ? keyed : undefined })
      }),
    )
    const [first] = votes
    const ended = first?.is_kept === true ? shown(first) : firstRefusal(votes, participants)
    if (ended !== undefined) {
      answer(ended)
      await this.#finish([decider, ...others], transaction, false)
      return
    }
    await this.decisions.whenAdmitted()
    const end = this.decisions.begin()
    await this.#decide(decider, others, transaction, keyed, joined(votes, participants), answer).finally(end)
  }

  async #decide(
    decider: Mailbox,
    others: readonly Mailbox[],
    transaction: string,
    keyed: Keyed | undefined,
    success: JsonObject,
    answer: (reply: JsonObject) => void,
  ): Promise<void> {
    const shards = others.map(({ shard }) => shard)
    const kept = keyed === undefined ? undefined : { keyed, results: success.results as JsonValue }
    const decision = await this.#ask(decider, { step: 'decide', transaction, participants: shards, kept })
    if (decision.code !== 'OUTCOME_UNKNOWN') {
      const isCommitted = decision.status === 'ok'
      answer(isCommitted ? success : decision)
      return this.#finish(isCommitted ? others : [decider, ...others], transaction, isCommitted, decider)
    }
    let isAnswered = false
    const answerOnce = (reply: JsonObject): void => {
      if (!isAnswered) answer(reply)
      isAnswered = true
    }
    const callOff = this.#options.wakeAfter(this.#options.limits.requestDeadlineMs, () => answerOnce(decision))
    const isCommitted = await this.#learn(decider, transaction)
    callOff()
    if (isCommitted === undefined) return answerOnce(decision)
    answerOnce(isCommitted ? success : refusalReply(refusal('SHARD_RECOVERING', { shard: decider.shard })))
    return this.#finish(isCommitted ? others : [decider, ...others], transaction, isCommitted, decider)
  }

  /** What was decided, as the decider knows it; undefined if it was not to be learnt before the end. */
  async #learn(decider: Mailbox, transaction: string): Promise<boolean | undefined> {
    const reply = await this.#insist(decider, { step: 'inquire', transaction })
    return reply.status === 'ok' ? reply.is_committed === true : undefined
  }

  /** Has participants bring about what was decided, however long it takes, and the decider then forget it. */
  async #finish(
    participants: readonly Mailbox[],
    transaction: string,
    isCommitted: boolean,
    decider?: Mailbox,
  ): Promise<void> {
    const step: TransactionStep = { step: 'finish', transaction, isCommitted }
    const replies = await Promise.all(participants.map((mailbox) => this.#insist(mailbox, step)))
    if (!isCommitted || decider === undefined || replies.some(({ status }) => status !== 'ok')) return
    await this.#insist(decider, { step: 'forget', transaction })
  }

  /** A shard has begun: brings to an end what an earlier life of it, or of this process, has left. */
  async #takeOver(mailbox: Mailbox): Promise<void> {
    const known = this.decisions.begin()
    const left = await this.#insist(mailbox, { step: 'recovered' })
    if (left.status !== 'ok') return known()
    const { mailboxes } = this.#options
    const prepared = left.prepared as { transaction: string; decider: number }[]
    const decided = left.decided as { transaction: string; participants: number[] }[]
    // Of those that run still it is known where they stand, and some wait to be decided.
    const ends = [...prepared, ...decided]
      .filter(({ transaction }) => !this.#live.has(transaction))
      .map(() => this.decisions.begin())
    known()
    await Promise.all([
      // What is brought to its end here may have been so before this shard forgot that it was.
      ...prepared.map(async ({ transaction, decider }) => {
        await this.#live.get(transaction)
        const isCommitted = await this.#learn(mailboxes[decider] as Mailbox, transaction)
        if (isCommitted !== undefined) await this.#finish([mailbox], transaction, isCommitted)
      }),
      ...decided.map(async ({ transaction, participants }) => {
        await this.#live.get(transaction)
        const others = participants.map((shard) => mailboxes[shard] as Mailbox)
        await this.#finish(others, transaction, true, mailbox)
      }),
    ])
    for (const end of ends) end()
  }

  /** Asks until there is an answer; only while the process drains is a refusal the end of it. */
  async #insist(mailbox: Mailbox, step: TransactionStep): Promise<JsonObject> {
    for (;;) {
      const reply = await this.#ask(mailbox, step)
      if (reply.status === 'ok' || this.#isDraining) return reply
      await this.#untilWorthwhile(mailbox)
    }
  }

  /** Waits until the shard is back, or for a while if it is not away. */
  #untilWorthwhile(mailbox: Mailbox): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        callOff()
        this.#wakes.delete(wake)
        resolve()
      }
      const callOff = mailbox.isAway ? mailbox.whenReady(() => wake()) : this.#options.wakeAfter(retryMs, wake)
      this.#wakes.add(wake)
    })
  }

  #ask(mailbox: Mailbox, step: TransactionStep): Promise<JsonObject> {
    const bytes = 'operations' in step ? approximateBytes(step.operations as object as JsonValue) : 0
    return mailbox.ask('transaction', step, bytes)
  }
}

/** The key counts with the state of the first operation, whose shard decides. */
function keyedOf(key: string, operations: readonly Operation[], ops: readonly JsonValue[]): Keyed {
  const routingKey = routingKeyOf(operations[0] as Operation)
  return { routingKey, key, hash: hashOfCommand('TRANSACTION', [{ value: [...ops] }]) }
}

/** A reply as its caller sees it, whether it is the first under its key or not. */
function shown({ is_kept: _, ...reply }: JsonObject): JsonObject {
  return reply
}

/** Why a transaction cannot be: what was refused first if it is an operation, or what else kept a shard from voting. */
function firstRefusal(votes: readonly JsonObject[], participants: readonly Participant[]): JsonObject | undefined {
  const checks = new Set(
    participants.flatMap(({ operations }) => operations.filter((each) => 'check' in each).map(({ index }) => index)),
  )
  // Checks are looked at before any write.
  const rank = ({ code, index, cause }: JsonObject): number => {
    if (code !== 'TRANSACTION_FAILED') return Number.POSITIVE_INFINITY
    const isFenced = (cause as JsonObject).code === 'FENCED'
    return isFenced || checks.has(Number(index)) ? Number(index) - checksFirst : Number(index)
  }
  const refused = votes.filter(({ status }) => status !== 'ok').sort((a, b) => Math.sign(rank(a) - rank(b)) || 0)
  const [first] = refused
  if (first?.code !== 'OUTCOME_UNKNOWN') return first
  // A vote that was lost is none: nothing was decided, and nothing will be.
  const index = votes.indexOf(first)
  const { mailbox } = participants[index] as Participant
  return refusalReply(mailbox.isReady ? lateVote(mailbox.shard) : mailbox.awayRefusal)
}

const checksFirst = 1_000_000_000

function lateVote(shard: number): Refusal {
  return refusal('OVERLOADED', { what: `shard ${shard} could not take part in the transaction in time` })
}

/** The results of all operations, each at its place. */
function joined(votes: readonly JsonObject[], participants: readonly Participant[]): JsonObject {
  const results: JsonValue[] = []
  for (const [index, { operations }] of participants.entries()) {
    const own = votes[index]?.results as JsonValue[]
    const answered = operations.filter((operation) => !('fence' in operation || 'restore' in operation))
    for (const [place, { index: at }] of answered.entries()) results[at] = own[place] as JsonValue
  }
  return { status: 'ok', results }
}
