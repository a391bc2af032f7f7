// Makes, restores and removes snapshots over all shards, one after another. It keeps nothing that is needed: a snapshot
// exists as soon as one shard has its manifest, which is written when all have stored their part, and what no manifest names
// is removed again. A restore is a transaction of what every shard has loaded before.
// Invariant: whoever is refused has changed nothing that anybody sees, but for `OUTCOME_UNKNOWN`.
import { randomBytes } from 'node:crypto'
import type { WakeAfter } from '../base/clock.ts'
import { durationBounds, Histogram } from '../base/histogram.ts'
import type { Limits } from '../base/limits.ts'
import { shardOf } from '../base/placement.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import { nameProblem } from '../protocol/names.ts'
import { type Manifest, type NewManifest, type SnapshotStep, shownSnapshot } from '../protocol/snapshots.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Cuts } from './cut.ts'
import type { Mailbox } from './mailbox.ts'
import type { Transactions } from './transactions.ts'
import { within } from './within.ts'

/** What an earlier life has left is removed so long after a shard began: not while all of them begin. */
const sweepMs = 1_000

export interface SnapshotsOptions {
  readonly mailboxes: readonly Mailbox[]
  readonly limits: Limits
  readonly cuts: Cuts
  readonly transactions: Transactions
  readonly wakeAfter: WakeAfter
  /** Whether shards come back with the parts that they had stored. */
  readonly isDurable: boolean
  /** Milliseconds since 1970. */
  readonly wall: () => number
  /** Milliseconds from an arbitrary start. */
  readonly now: () => number
}

type Arguments = { readonly label?: string; readonly states?: readonly string[] }

export class Snapshots {
  readonly #options: SnapshotsOptions
  readonly #home: Mailbox
  /** Seconds that each took, where it succeeded. */
  readonly seconds = { create: new Histogram(durationBounds), restore: new Histogram(durationBounds) }
  #last: Promise<unknown> = Promise.resolve()
  #callOffSweep: (() => void) | undefined
  #isDraining = false

  constructor(options: SnapshotsOptions) {
    this.#options = options
    const { mailboxes } = options
    this.#home = mailboxes[shardOf('', mailboxes.length)] as Mailbox
    for (const mailbox of options.isDurable ? mailboxes : []) {
      const { onAttach } = mailbox
      mailbox.onAttach = () => {
        onAttach?.()
        this.#planSweep()
      }
    }
  }

  /** Runs a command of the registry's routing `snapshots`; `respond` is called once. */
  run(name: string, args: JsonObject, respond: (reply: JsonObject) => void): void {
    const problem = problemOf(args)
    if (problem !== undefined) return respond(refusalReply(invalidRequest(problem)))
    const { label, states } = args as Arguments
    const given = { label, ...(states && { states: [...new Set(states)] }) } as Arguments
    void this.#inTurn(() => this.#runOne(name, given)).then(respond)
  }

  /** Resolves when what was begun is over. */
  async drain(): Promise<void> {
    this.#isDraining = true
    this.#callOffSweep?.()
    await this.#last
  }

  #runOne(name: string, args: Arguments): Promise<JsonObject> {
    switch (name) {
      case 'CREATE_SNAPSHOT':
        return this.#timed('create', () => this.#create(args.label as string, args.states))
      case 'RESTORE_SNAPSHOT':
        return this.#timed('restore', () => this.#restore(args))
      case 'DELETE_SNAPSHOT':
        return this.#delete(args.label as string)
      default:
        return this.#list()
    }
  }

  /** One after another: the next one has to find what this one leaves. */
  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(action)
    this.#last = result.catch(() => {})
    return result
  }

  async #timed(operation: 'create' | 'restore', action: () => Promise<JsonObject>): Promise<JsonObject> {
    const { now } = this.#options
    const startedAt = now()
    const reply = await action()
    if (reply.status === 'ok') this.seconds[operation].observe((now() - startedAt) / 1000)
    return reply
  }

  async #create(label: string, states: readonly string[] | undefined): Promise<JsonObject> {
    const { cuts, wall, limits } = this.#options
    const id = randomBytes(8).toString('hex')
    const at = wall()
    const answers = await cuts.take({ cut: 'snapshot', id, label, ...(states && { states: [...states] }) })
    if ('code' in answers) return refusalReply(answers)
    const refused = this.#firstRefusal(answers)
    if (refused !== undefined) {
      this.#planSweep()
      return refused
    }
    const total = (field: string): number => answers.reduce((sum, answer) => sum + Number(answer[field]), 0)
    const sums = { states: total('states'), records: total('records'), bytes: total('bytes') }
    const manifest: NewManifest = { id, label, at, ...sums }
    const recorded = await this.#record(manifest, limits.snapshotsMax)
    await this.#sweep()
    if (recorded.status !== 'ok') return recorded
    const { replaced = false, dropped = [] } = recorded
    return { status: 'ok', ...shownSnapshot(manifest), replaced, dropped }
  }

  /** The commit point. Where its answer is lost, the shard that was asked is asked again once it is back. */
  async #record(manifest: NewManifest, max: number): Promise<JsonObject> {
    const recorded = await this.#ask(this.#home, { step: 'record', manifest, max })
    if (recorded.code !== 'OUTCOME_UNKNOWN') return recorded
    const standing = await this.#manifests()
    if ('code' in standing) return recorded
    if (standing.some(({ id }) => id === manifest.id)) return { status: 'ok' }
    return refusalReply(refusal('SHARD_RECOVERING', { shard: this.#home.shard }))
  }

  async #list(): Promise<JsonObject> {
    const standing = await this.#manifests()
    return 'code' in standing ? refusalReply(standing) : { status: 'ok', snapshots: standing.map(shownSnapshot) }
  }

  async #delete(label: string): Promise<JsonObject> {
    const found = await this.#find(label)
    if ('code' in found) return refusalReply(found)
    const removed = await this.#ask(this.#home, { step: 'remove', snapshot: found.id })
    if (removed.status !== 'ok') return removed
    await this.#sweep()
    return { status: 'ok', deleted: true }
  }

  async #restore({ label, states }: Arguments): Promise<JsonObject> {
    const { mailboxes, transactions } = this.#options
    const found = await this.#find(label)
    if ('code' in found) return refusalReply(found)
    const load = randomBytes(8).toString('hex')
    const step: SnapshotStep = { step: 'load', load, snapshot: found.id, label: found.label, ...(states && { states }) }
    // All in one turn, as with every step that holds states: so no two wait for each other.
    const loaded = await Promise.all(mailboxes.map((mailbox) => this.#ask(mailbox, step)))
    const refused = this.#firstRefusal(loaded)
    const parts = loaded.flatMap((answer, shard) => {
      const names = (answer.states ?? []) as string[]
      if (names.length === 0) return []
      const restore = { load, snapshot: found.id, states: names }
      return [{ mailbox: mailboxes[shard] as Mailbox, operation: { index: 0, restore } }]
    })
    const reply = refused ?? (parts.length === 0 ? { status: 'ok' } : await transactions.restore(parts))
    await Promise.all(mailboxes.map((mailbox) => this.#ask(mailbox, { step: 'unload', load })))
    if (reply.status !== 'ok') return reply
    const count = parts.reduce((sum, { operation }) => sum + operation.restore.states.length, 0)
    const records = loaded.reduce((sum, answer) => sum + Number(answer.records), 0)
    return { status: 'ok', label: found.label, created_at: found.at / 1000, states: count, records }
  }

  async #find(label: string | undefined): Promise<Manifest | Refusal> {
    const standing = await this.#manifests()
    if ('code' in standing) return standing
    const found = label === undefined ? standing.at(-1) : standing.find((each) => each.label === label)
    return found ?? refusal('SNAPSHOT_NOT_FOUND', label === undefined ? {} : { label })
  }

  /** What exists, the oldest first. Waits for the shard that knows, as long as a request may take. */
  async #manifests(): Promise<readonly Manifest[] | Refusal> {
    const home = this.#home
    for (;;) {
      const answer = await this.#ask(home, { step: 'list' })
      if (answer.status === 'ok') return answer.snapshots as object as Manifest[]
      const isBack = home.isAway && !this.#isDraining && (await this.#whenBack(home))
      // A read: whatever became of it, nothing has changed.
      if (!isBack) return answer.code === 'OUTCOME_UNKNOWN' ? lateAnswer(home.shard) : home.awayRefusal
    }
  }

  async #whenBack(mailbox: Mailbox): Promise<boolean> {
    const { wakeAfter, limits } = this.#options
    await within(wakeAfter, limits.requestDeadlineMs, (back) => mailbox.whenReady(back))
    return mailbox.isReady
  }

  /** Has every shard remove what belongs to no snapshot; one that is away does when it is back. */
  async #sweep(): Promise<void> {
    const { mailboxes } = this.#options
    if (!this.#home.isReady) return
    const answer = await this.#ask(this.#home, { step: 'list' })
    if (answer.status !== 'ok') return
    const snapshots = (answer.snapshots as object as Manifest[]).map(({ id }) => id)
    await Promise.all(mailboxes.map((mailbox) => this.#ask(mailbox, { step: 'keep', snapshots })))
  }

  #planSweep(): void {
    if (this.#isDraining) return
    this.#callOffSweep?.()
    this.#callOffSweep = this.#options.wakeAfter(sweepMs, () => {
      this.#callOffSweep = undefined
      void this.#inTurn(() => this.#sweep())
    })
  }

  /** What keeps one of the shards from its part. Nothing is shown before all have it, so nothing is unknown either. */
  #firstRefusal(answers: readonly JsonObject[]): JsonObject | undefined {
    const shard = answers.findIndex(({ status }) => status !== 'ok')
    if (shard === -1) return undefined
    const refused = answers[shard] as JsonObject
    if (refused.code !== 'OUTCOME_UNKNOWN') return refused
    const { isReady, awayRefusal } = this.#options.mailboxes[shard] as Mailbox
    return refusalReply(isReady ? lateAnswer(shard) : awayRefusal)
  }

  #ask(mailbox: Mailbox, step: SnapshotStep): Promise<JsonObject> {
    return mailbox.ask('snapshot', step)
  }
}

function lateAnswer(shard: number): Refusal {
  return refusal('OVERLOADED', { what: `shard ${shard} could not take part in time` })
}

/** What is wrong with the names in a command. */
function problemOf({ label, states }: JsonObject): string | undefined {
  const problem = label === undefined ? undefined : nameProblem(label, 'label')
  if (problem !== undefined || states === undefined) return problem
  for (const state of states as JsonValue[]) {
    const wrong = nameProblem(state, 'states')
    if (wrong !== undefined) return `${wrong} (one of its names)`
  }
  return undefined
}
