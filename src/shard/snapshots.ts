// The part of a shard in snapshots: it writes what it held at a cut, reads it back for a transaction to restore, and keeps
// on one of the shards what makes them exist. Owned by the actor. See protocol/snapshots.ts for the steps.
// Invariant: a part that is not whole, or of which nobody knows, is removed by the next `keep`; one that a promised restore
// needs stays until that is brought about.
import type { Clocks, ReadClocks } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import { type Journal, JournalCorrupt } from '../journal/journal.ts'
import { type KeptRow, partsTable, snapshotsTable } from '../journal/kept-rows.ts'
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import type { MailboxEntry, ReplyEntry } from '../protocol/mailbox.ts'
import type { LoadStep, Manifest, SnapshotStep } from '../protocol/snapshots.ts'
import type { RestoreOperation } from '../protocol/transactions.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { Aside, Work } from './aside.ts'
import { Capture } from './capture.ts'
import type { Compress } from './chunk-text.ts'
import type { Moment } from './cuts.ts'
import { refusalOf } from './executor.ts'
import type { Held } from './held.ts'
import { Ahead, Damaged, type LoadedState, loadState, restoringChange } from './snapshot-loading.ts'
import { begunPart, committed, NotCommitted, type Part, partRow, removePart, writePart } from './snapshot-writing.ts'

export interface SnapshotsOptions {
  readonly shard: number
  readonly limits: Limits
  readonly directory: Directory
  readonly held: Held
  readonly journal: Journal
  readonly aside: Aside
  readonly clocks: ReadClocks
  readonly compress: Compress
  readonly owns: (name: string) => boolean
  readonly send: (replies: ReplyEntry[]) => void
  /** A state that was held goes on. */
  readonly free: (state: string) => void
  /** Whether a transaction that was promised, and not brought to its end, restores from a snapshot. */
  readonly isPromised: (snapshot: string) => boolean
}

/** More states or rows are journalled ahead of the change that shows them. */
const atOnceMax = 1_000

/** What is loaded, or about to be, to be restored. */
interface Load {
  /** Those that are held for it. */
  held: readonly string[]
  readonly loaded: LoadedState[]
  isDone: boolean
  isGivenUp: boolean
}

export class Snapshots {
  readonly #options: SnapshotsOptions
  readonly #parts = new Map<string, Part>()
  readonly #manifests = new Map<string, Manifest>()
  readonly #captures = new Set<Capture>()
  /** Parts that are being written, or removed. */
  readonly #busy = new Set<string>()
  readonly #loads = new Map<string, Load>()
  #lastGeneration = 0

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  statistics(): { readonly snapshots: number; readonly snapshotBytes: number } {
    let bytes = 0
    for (const part of this.#parts.values()) bytes += part.bytes
    return { snapshots: this.#manifests.size, snapshotBytes: bytes }
  }

  /** Gets what an earlier life has left in its journal. */
  load({ table, key, value }: KeptRow): void {
    if (table === partsTable) this.#parts.set(key, value as unknown as Part)
    else this.#manifests.set(key, value as unknown as Manifest)
  }

  /** A change is about to be applied. */
  notice(change: Change): void {
    if (this.#captures.size === 0 || change.subject === 'lock') return
    for (const capture of this.#captures) capture.notice(change)
  }

  /** Takes what stands at a cut, and answers once it is stored. */
  readonly onCut = (body: JsonObject, { directory }: Moment, answer: (reply: JsonObject) => void): void => {
    const { id, label, states } = body as { id: string; label: string; states?: string[] }
    const { held, free, owns, aside, journal } = this.#options
    if (journal.isFull === true) return answer(refusalReply(refusal('STORAGE_FULL', {})))
    const named = states?.filter(owns)
    const missing = named?.find((name) => directory.get(name) === undefined)
    if (missing !== undefined) return answer(refusalReply(refusal('STATE_NOT_FOUND', { state: missing })))
    const capture = new Capture(named ?? namesOf(directory), directory, held, free)
    this.#captures.add(capture)
    this.#busy.add(id)
    aside.begin(this.#store(id, label, capture, answer))
  }

  /** Takes a step of the router, and answers it. */
  take(entry: MailboxEntry): void {
    const step = entry[3] as object as SnapshotStep
    const [id] = entry
    const answer = (reply: JsonValue): void => this.#options.send([[id, reply]])
    switch (step.step) {
      case 'list':
        return answer({ status: 'ok', snapshots: this.#manifestsInOrder() as object as JsonValue })
      case 'record':
        return this.#options.aside.begin(this.#record(step, answer))
      case 'remove':
        return this.#options.aside.begin(this.#remove(step.snapshot, answer))
      case 'keep':
        this.#keep(step.snapshots)
        return answer({ status: 'ok' })
      case 'load':
        return this.#takeLoad(entry, step, answer)
      case 'unload':
        this.#unload(step.load)
        return answer({ status: 'ok' })
    }
  }

  /** Whether what an operation restores is loaded. */
  isLoaded({ restore }: RestoreOperation): boolean {
    return this.#loads.has(restore.load)
  }

  /** The changes of an operation that restores; a refusal where what it restores is not loaded any more. */
  changesOf({ restore }: RestoreOperation, now: Clocks): readonly Change[] | Refusal {
    const load = this.#loads.get(restore.load)
    if (load === undefined) return refusal('SHARD_RECOVERING', { shard: this.#options.shard })
    return load.loaded.map((state) => restoringChange(state, this.#options.directory, now.wall))
  }

  /** From here on somebody else holds the states of a load. Returns them. */
  handOver({ restore }: RestoreOperation): readonly string[] {
    const load = this.#loads.get(restore.load)
    if (load === undefined) return []
    const { held } = load
    load.held = []
    return held
  }

  /** Loads again, before the shard serves, what a transaction has promised to restore. */
  async loadAgain({ restore }: RestoreOperation, now: Clocks): Promise<void> {
    const load: Load = { held: [], loaded: [], isDone: true, isGivenUp: false }
    this.#loads.set(restore.load, load)
    try {
      for (const state of this.#statesOf(restore.snapshot, restore.states)) {
        const loading = this.#load(restore.snapshot, state, now)
        for (let step = loading.next(); ; step = loading.next()) {
          if (!step.done) continue
          load.loaded.push(step.value)
          break
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
    } catch (error) {
      if (!(error instanceof Damaged)) throw error
      throw new JournalCorrupt([`the snapshot that a transaction restores: ${error.message}`])
    }
  }

  /** What was loaded again is part of its transaction now. */
  forgetLoads(): void {
    this.#loads.clear()
  }

  *#store(id: string, label: string, capture: Capture, answer: (reply: JsonObject) => void): Work {
    const { aside, compress } = this.#options
    try {
      yield* capture.steps()
      this.#captures.delete(capture)
      yield* committed(aside, { kept: [partRow(id, begunPart(label))] })
      this.#parts.set(id, begunPart(label))
      const written = yield* writePart(id, capture.taken, { aside, compress })
      const part = { label, ...written }
      yield* committed(aside, { kept: [partRow(id, part)], isUrgent: true })
      this.#parts.set(id, part)
      const { states, records, bytes } = part
      answer({ status: 'ok', states: states.length, records, bytes })
    } catch (error) {
      answer(refusalReply(this.#refusalFor(error, label)))
    } finally {
      capture.abandon()
      this.#captures.delete(capture)
      this.#busy.delete(id)
    }
  }

  *#record({ manifest, max }: Extract<SnapshotStep, { step: 'record' }>, answer: (reply: JsonObject) => void): Work {
    const standing = this.#manifestsInOrder()
    const number = (standing.at(-1)?.number ?? 0) + 1
    const replaced = standing.filter(({ label }) => label === manifest.label)
    const others = standing.filter(({ label }) => label !== manifest.label)
    const oldest = others.slice(0, Math.max(0, others.length + 1 - max))
    const gone = [...replaced, ...oldest]
    const recorded = { ...manifest, number }
    const kept = [manifestRow(manifest.id, recorded), ...gone.map(({ id }) => manifestRow(id, undefined))]
    try {
      yield* committed(this.#options.aside, { kept, isUrgent: true })
      this.#manifests.set(manifest.id, recorded)
      for (const { id } of gone) this.#manifests.delete(id)
      answer({ status: 'ok', replaced: replaced.length > 0, dropped: oldest.map(({ label }) => label) })
    } catch (error) {
      answer(refusalReply(this.#refusalFor(error, manifest.label)))
    }
  }

  *#remove(snapshot: string, answer: (reply: JsonObject) => void): Work {
    try {
      yield* committed(this.#options.aside, { kept: [manifestRow(snapshot, undefined)], isUrgent: true })
      this.#manifests.delete(snapshot)
      answer({ status: 'ok' })
    } catch (error) {
      answer(refusalReply(this.#refusalFor(error, snapshot)))
    }
  }

  #keep(snapshots: readonly string[]): void {
    for (const id of this.#parts.keys()) {
      if (snapshots.includes(id) || this.#busy.has(id) || this.#options.isPromised(id)) continue
      this.#busy.add(id)
      this.#options.aside.begin(this.#drop(id))
    }
  }

  *#drop(id: string): Work {
    const { aside, journal } = this.#options
    try {
      yield* removePart(id, (max) => journal.chunkPlaces(id, max), aside)
      this.#parts.delete(id)
    } catch (error) {
      // What does not go now goes with the next snapshot, or after the next start.
      if (!(error instanceof NotCommitted)) throw error
    } finally {
      this.#busy.delete(id)
    }
  }

  #takeLoad(entry: MailboxEntry, step: LoadStep, answer: (reply: JsonObject) => void): void {
    const { held, directory, send, free, aside } = this.#options
    const [id] = entry
    const load = this.#loads.get(step.load) ?? { held: [], loaded: [], isDone: false, isGivenUp: false }
    if (!this.#loads.has(step.load)) {
      this.#loads.set(step.load, load)
      // It takes as long as it takes.
      send([[id, null, 'parked']])
    }
    let states: Part['states'] = []
    try {
      states = this.#statesOf(step.snapshot, step.states)
    } catch (error) {
      this.#loads.delete(step.load)
      return answer(refusalReply(this.#refusalFor(error, step.label)))
    }
    const names = states.map(([name]) => name)
    if (!held.isTurnOf(entry, names)) return
    for (const name of names) {
      if (held.queueOf(name) === undefined) held.hold(name)
      directory.hold(name)
    }
    if (load.isGivenUp) {
      for (const name of names) free(name)
      this.#loads.delete(step.load)
      return answer(refusalReply(givenUp()))
    }
    load.held = names
    aside.begin(this.#loadAll(step, load, states, answer))
  }

  *#loadAll(step: LoadStep, load: Load, states: Part['states'], answer: (reply: JsonObject) => void): Work {
    const { clocks, directory, limits } = this.#options
    try {
      const created = states.filter(([name]) => directory.get(name) === undefined).length
      const { statesPerShardMax: limit } = limits
      if (directory.size + created > limit) {
        return answer(refusalReply(refusal('LIMIT_EXCEEDED', { what: 'The number of states of a shard', limit })))
      }
      const now = clocks()
      const isLong = states.length > atOnceMax || (this.#parts.get(step.snapshot)?.records ?? 0) > atOnceMax
      const ahead = isLong || states.some(([, chunks]) => chunks > 1) ? this.#newAhead() : undefined
      for (const state of states) {
        if (load.isGivenUp) return answer(refusalReply(givenUp()))
        load.loaded.push(yield* this.#load(step.snapshot, state, now, ahead))
      }
      yield* ahead?.commit() ?? []
      const records = load.loaded.reduce((sum, { length }) => sum + length, 0)
      answer({ status: 'ok', states: states.map(([name]) => name), records })
    } catch (error) {
      answer(refusalReply(this.#refusalFor(error, step.label)))
    } finally {
      load.isDone = true
      if (load.isGivenUp) this.#unload(step.load)
    }
  }

  #newAhead(): Ahead {
    // Below zero, so that no table's own generation is like it.
    this.#lastGeneration -= 1
    return new Ahead(this.#options.aside, this.#lastGeneration)
  }

  #load(snapshot: string, state: Part['states'][number], now: Clocks, ahead?: Ahead) {
    const { journal, directory } = this.#options
    return loadState(state, { snapshot, journal, directory, now, ahead })
  }

  /** The states of a snapshot that this shard has: all of them, or those of the named that are its own. */
  #statesOf(snapshot: string, named: readonly string[] | undefined): Part['states'] {
    const { owns, shard } = this.#options
    const part = this.#parts.get(snapshot)
    if (part?.isWhole !== true) throw new Damaged(`shard ${shard} has lost its part`)
    if (named === undefined) return part.states
    const wanted = new Set(named.filter(owns))
    const found = part.states.filter(([name]) => wanted.has(name))
    for (const [name] of found) wanted.delete(name)
    const [missing] = wanted
    if (missing !== undefined) throw new Missing(missing)
    return found
  }

  #unload(id: string): void {
    const load = this.#loads.get(id)
    if (load === undefined) return
    load.isGivenUp = true
    // One that waits for its states, or is being read, is given up when it gets there.
    if (!load.isDone) return
    const { held } = load
    load.held = []
    this.#loads.delete(id)
    for (const name of held) this.#options.free(name)
  }

  #manifestsInOrder(): Manifest[] {
    return [...this.#manifests.values()].sort((a, b) => a.number - b.number)
  }

  #refusalFor(error: unknown, label: string): Refusal {
    if (error instanceof NotCommitted) {
      return error.outcome.outcome === 'refused'
        ? refusalOf(error.outcome).refusal
        : refusal('OUTCOME_UNKNOWN', { reason: error.outcome.reason })
    }
    if (error instanceof Damaged) {
      return refusal('SNAPSHOT_DAMAGED', { label, shard: this.#options.shard, reason: error.message })
    }
    if (error instanceof Missing) return refusal('SNAPSHOT_NOT_FOUND', { label, state: error.state })
    throw error
  }
}

/** The snapshot holds no such state. */
class Missing extends Error {
  override readonly name = 'Missing'
  readonly state: string

  constructor(state: string) {
    super(`no state '${state}'`)
    this.state = state
  }
}

function givenUp(): Refusal {
  return refusal('OVERLOADED', { what: 'the restore was given up' })
}

function manifestRow(id: string, manifest: Manifest | undefined): KeptRow {
  return { table: snapshotsTable, routingKey: '', key: id, value: manifest as JsonObject | undefined }
}

function namesOf(directory: Directory): string[] {
  return Array.from(directory.states(), ({ name }) => name)
}
