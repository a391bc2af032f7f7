// Transactions inside a shard: what each step does (see `TransactionStep`), and what is kept from one to the next. Owned by
// the actor, which applies what is decided here, and commits the rows together with it.
// Invariant: from `prepare` to its end a transaction holds all the states that it names, so what it decided stays true:
// its changes can be applied at any time. A participant that has voted gives its states free only when its part is
// committed, or it heard that the transaction is aborted. A decider keeps what it prepared in memory only: if that is
// lost, nothing was decided, and nothing will be.
import { assert } from '../base/assert.ts'
import type { Clocks } from '../base/clock.ts'
import { type Journal, JournalCorrupt } from '../journal/journal.ts'
import { decidedTable, type KeptRow, preparedTable } from '../journal/kept-rows.ts'
import { type Refusal, refusal } from '../protocol/errors.ts'
import type { MailboxEntry } from '../protocol/mailbox.ts'
import {
  type Operation,
  type Part,
  restoreIn,
  routingKeyOf,
  statesOf,
  type TransactionStep,
} from '../protocol/transactions.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Directory } from '../state/directory.ts'
import type { Executor, Facts, Settled } from './executor.ts'
import type { Held } from './held.ts'
import { type Decided, decideOperations } from './operations.ts'
import type { Snapshots } from './snapshots.ts'
import type { Task } from './task.ts'

interface Prepared {
  readonly part: Part
  /** By which its row can be found, and moved. */
  readonly routingKey: string
  readonly states: readonly string[]
  readonly writes: readonly Settled[]
  readonly results: readonly JsonObject[]
  /** The snapshot that it restores from, if it does. */
  readonly restores: string | undefined
  /** Its changes are applied, and the commit of this batch will tell. */
  isCommitting: boolean
}

/** What the row of a participant says. */
interface Promised {
  readonly decider: number
  readonly wall: number
  readonly operations: Operation[]
  /** Something of the shard was lost since, which the operations may stand on. */
  readonly is_repaired?: true
}

interface Decision {
  readonly routingKey: string
  readonly participants: readonly number[]
}

type StepOf<Name extends TransactionStep['step']> = Extract<TransactionStep, { step: Name }>

const nothing: Settled = settledWith({})

export class Transactions {
  readonly #executor: Executor
  readonly #directory: Directory
  readonly #held: Held
  readonly #facts: Facts
  /** Has those go on who waited for a state. */
  readonly #free: (state: string) => void
  readonly #snapshots: Snapshots
  readonly #recovered: KeptRow[] = []
  readonly #prepared = new Map<string, Prepared>()
  readonly #decided = new Map<string, Decision>()
  /** Who waits for its states, by transaction, and whether it was given up meanwhile. */
  readonly #waiting = new Map<string, { isGivenUp: boolean }>()
  /** Requests that hold their states since they waited for some of them. */
  readonly #holders = new Set<number>()
  /** Of this batch: rows to be committed with it, what it prepared, and what it brings to its end. */
  #rows: KeptRow[] = []
  #begun: Prepared[] = []
  #ending: Prepared[] = []
  #decidedNow: string[] = []
  /** Rows for which nobody will ask any more: they go with whatever is committed next. */
  #spent: KeptRow[] = []
  /** The journal refused this batch, which is decided again. */
  #isAgain = false

  constructor(
    executor: Executor,
    directory: Directory,
    held: Held,
    facts: Facts,
    snapshots: Snapshots,
    free: (state: string) => void,
  ) {
    this.#executor = executor
    this.#directory = directory
    this.#held = held
    this.#facts = facts
    this.#free = free
    this.#snapshots = snapshots
  }

  /** Gets what an earlier life has left in its journal. */
  load(row: KeptRow): void {
    this.#recovered.push(row)
  }

  /** Whether something that is promised restores from this snapshot. */
  isRestoring(snapshot: string): boolean {
    for (const { restores } of this.#prepared.values()) if (restores === snapshot) return true
    return false
  }

  /** Takes that up. */
  async recover({ mono }: Clocks): Promise<void> {
    for (const { table, routingKey, key, value } of this.#recovered.splice(0)) {
      if (table === decidedTable) {
        const { participants } = value as { participants: number[] }
        this.#decided.set(key, { routingKey, participants })
        continue
      }
      const { decider, wall, operations, is_repaired: isRepaired } = value as object as Promised
      const part: Part = { transaction: key, decider, isDecider: false }
      const restore = restoreIn(operations)
      if (restore !== undefined) await this.#snapshots.loadAgain(restore, { wall, mono })
      const decided = this.#decideAll(operations, { wall, mono }, true)
      if (!('code' in decided)) this.#hold(part, operations, decided)
      else if (isRepaired === true) this.#spent.push({ table, routingKey, key, value: undefined })
      else throw new JournalCorrupt([`the prepared transaction ${key}: ${decided.message}`])
    }
  }

  /** Whether a step can be taken up; where not, it comes again when its turn comes at one of its states. */
  isTurnOf(entry: MailboxEntry): boolean {
    const step = entry[3] as object as TransactionStep
    if (!('operations' in step)) return true
    const [id] = entry
    // What it restores is loaded, and its states were held for that.
    if (restoreIn(step.operations) !== undefined) return true
    const isTurn = this.#held.isTurnOf(entry, statesOf(step.operations))
    if (isTurn) return true
    this.#holders.add(id)
    if (step.step === 'prepare' && !this.#waiting.has(step.part.transaction)) {
      this.#waiting.set(step.part.transaction, { isGivenUp: false })
    }
    return false
  }

  /** Decides a step; undefined for a request that is none. */
  decide({ id, step }: Task, now: Clocks): Settled | undefined {
    switch (step?.step) {
      case undefined:
        return undefined
      case 'run':
        return this.#run(id, step, now)
      case 'prepare':
        return this.#prepare(id, step, now)
      case 'decide':
        return this.#commitDecision(step)
      case 'finish':
        return this.#finish(step)
      case 'inquire':
        return this.#inquire(step.transaction)
      case 'forget':
        return this.#forget(step.transaction)
      case 'recovered':
        return this.#unfinished()
    }
  }

  /** How many rows have to be committed with this batch, and secured, in relaxed mode too. */
  get rowsDue(): number {
    return this.#rows.length
  }

  /** What the commit of this batch has to bring besides its changes. */
  rows(): readonly KeptRow[] {
    return [...this.#rows, ...this.#spent]
  }

  /** The batch is committed. */
  noticeCommit(): void {
    for (const prepared of this.#ending) this.#end(prepared)
    this.#spent = []
  }

  /** The journal refused the batch, whose changes were taken back. */
  takeBack(): void {
    for (const transaction of this.#decidedNow) this.#decided.delete(transaction)
    for (const prepared of this.#ending) prepared.isCommitting = false
    // Nobody has heard of what was prepared, and nothing was decided. Who has voted goes on holding its states.
    for (const prepared of [...this.#begun, ...this.#ending.filter(({ part }) => part.isDecider)]) this.#end(prepared)
    this.endBatch()
    this.#isAgain = true
  }

  /** What comes now is another batch's. */
  endBatch(): void {
    this.#rows = []
    this.#isAgain = false
    this.#begun = []
    this.#ending = []
    this.#decidedNow = []
  }

  /** Before the end: what nobody will ask for any more need not be found by the next life. */
  async flush(journal: Journal, number: number): Promise<void> {
    if (this.#spent.length > 0) await journal.commit({ number, changes: [], staged: [], kept: this.rows() })
  }

  #run(id: number, { operations }: StepOf<'run'>, now: Clocks): Settled {
    this.#freeWaited(id, operations)
    const decided = this.#decideAll(operations, now)
    const refused = this.#executor.changesRefusedWith
    if (refused !== undefined && !('code' in decided) && decided.writes.some(({ changes }) => changes.length > 0)) {
      return settledWith(refused)
    }
    if ('code' in decided) return settledWith(decided)
    const restore = restoreIn(operations)
    if (restore !== undefined) for (const state of this.#snapshots.handOver(restore)) this.#free(state)
    return { ...settledWith({ results: decided.results }), operations: decided.writes }
  }

  #prepare(id: number, { operations, part }: StepOf<'prepare'>, now: Clocks): Settled {
    const { transaction } = part
    const isGivenUp = this.#waiting.get(transaction)?.isGivenUp === true
    this.#waiting.delete(transaction)
    const refused = isGivenUp ? givenUp() : this.#executor.changesRefusedWith
    const decided = refused ?? this.#decideAll(operations, now)
    if ('code' in decided) {
      this.#freeWaited(id, operations)
      return settledWith(decided)
    }
    this.#holders.delete(id)
    const prepared = this.#hold(part, operations, decided)
    this.#begun.push(prepared)
    if (!part.isDecider) {
      const value = { decider: part.decider, wall: now.wall, operations: operations as object as JsonValue }
      this.#rows.push({ ...this.#rowOf(preparedTable, prepared.routingKey, transaction), value })
    }
    return settledWith({ results: decided.results })
  }

  #commitDecision({ transaction, participants }: StepOf<'decide'>): Settled {
    const prepared = this.#prepared.get(transaction)
    if (prepared === undefined) {
      const refused = this.#executor.changesRefusedWith
      return settledWith(refused ?? refusal('SHARD_RECOVERING', { shard: this.#facts.shard }))
    }
    const { routingKey } = prepared
    this.#decided.set(transaction, { routingKey, participants })
    this.#decidedNow.push(transaction)
    const value = { participants: [...participants] }
    this.#rows.push({ ...this.#rowOf(decidedTable, routingKey, transaction), value })
    return this.#commit(prepared)
  }

  #finish({ transaction, isCommitted }: StepOf<'finish'>): Settled {
    const prepared = this.#prepared.get(transaction)
    if (!isCommitted) {
      this.#abort(transaction)
      return nothing
    }
    // It may be asked again for what it has done.
    if (prepared === undefined || prepared.isCommitting) return nothing
    // It is tried on a full disk too. Where it does not fit, what frees space goes before it, and the router asks again.
    const refused = this.#isAgain ? this.#executor.changesRefusedWith : undefined
    if (refused !== undefined) return settledWith(refused)
    this.#rows.push({ ...this.#rowOf(preparedTable, prepared.routingKey, transaction), value: undefined })
    return this.#commit(prepared)
  }

  #commit(prepared: Prepared): Settled {
    prepared.isCommitting = true
    this.#ending.push(prepared)
    return { ...nothing, operations: prepared.writes }
  }

  #inquire(transaction: string): Settled {
    const isCommitted = this.#decided.has(transaction)
    // Once somebody was told that it is aborted, it must never be committed.
    if (!isCommitted) this.#abort(transaction)
    return settledWith({ is_committed: isCommitted })
  }

  #abort(transaction: string): void {
    const waiting = this.#waiting.get(transaction)
    if (waiting !== undefined) waiting.isGivenUp = true
    const prepared = this.#prepared.get(transaction)
    if (prepared === undefined) return
    assert(!prepared.isCommitting, 'what is decided is not aborted')
    this.#end(prepared)
    if (prepared.part.isDecider) return
    this.#spent.push({ ...this.#rowOf(preparedTable, prepared.routingKey, transaction), value: undefined })
  }

  #forget(transaction: string): Settled {
    const decision = this.#decided.get(transaction)
    if (decision === undefined) return nothing
    this.#decided.delete(transaction)
    this.#spent.push({ ...this.#rowOf(decidedTable, decision.routingKey, transaction), value: undefined })
    return nothing
  }

  #unfinished(): Settled {
    const prepared = [...this.#prepared.values()].filter(({ part }) => !part.isDecider)
    return settledWith({
      prepared: prepared.map(({ part: { transaction, decider } }) => ({ transaction, decider })),
      decided: [...this.#decided].map(([transaction, { participants }]) => ({
        transaction,
        participants: [...participants],
      })),
    })
  }

  #decideAll(operations: readonly Operation[], now: Clocks, again = false): Decided | Refusal {
    const { replyBytesMax: resultBytesMax } = this.#facts.limits
    const changesOf = this.#snapshots.changesOf.bind(this.#snapshots)
    const options = { directory: this.#directory, executor: this.#executor, resultBytesMax, changesOf }
    return decideOperations(operations, now, options, again)
  }

  /** Gives the states free of one that had to wait for some of them, and holds all of them since. */
  #freeWaited(id: number, operations: readonly Operation[]): void {
    if (!this.#holders.delete(id)) return
    for (const state of statesOf(operations)) this.#free(state)
  }

  /** From now on the states are the transaction's. It may hold them already, if it had to wait for one of them. */
  #hold(part: Part, operations: readonly Operation[], decided: Decided): Prepared {
    const states = statesOf(operations)
    for (const state of states) {
      if (this.#held.queueOf(state) === undefined) this.#held.hold(state)
      this.#directory.hold(state)
    }
    const routingKey = routingKeyOf(operations[0] as Operation)
    const restore = restoreIn(operations)
    if (restore !== undefined) this.#snapshots.handOver(restore)
    const restores = restore?.restore.snapshot
    const prepared: Prepared = { part, routingKey, states, restores, ...decided, isCommitting: false }
    this.#prepared.set(part.transaction, prepared)
    return prepared
  }

  /** Gives its states free, if that has not happened yet. */
  #end(prepared: Prepared): void {
    const { part, states } = prepared
    if (this.#prepared.get(part.transaction) !== prepared) return
    this.#prepared.delete(part.transaction)
    for (const state of states) this.#free(state)
  }

  #rowOf(table: string, routingKey: string, key: string) {
    return { table, routingKey, key }
  }
}

function givenUp(): Refusal {
  return refusal('OVERLOADED', { what: 'the transaction waited for its states for too long' })
}

function settledWith(result: Refusal | JsonObject): Settled {
  const refused = 'message' in result && 'details' in result ? (result as Refusal) : undefined
  const fields = refused === undefined ? (result as JsonObject) : {}
  return { answer: { command: '', refusal: refused, fields, version: undefined, requestId: {} }, changes: [] }
}
