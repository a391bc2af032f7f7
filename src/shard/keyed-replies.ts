// Replies of commands that carried an idempotency key, kept for some minutes so that the same command under the same key is
// answered and not run again. Owned by one shard, which commits their rows with what the commands have changed.
// Invariant: only what ran is kept, and a key that is known never lets a command run.
import type { Limits } from '../base/limits.ts'
import { type Refuse, refuse } from '../command/decide.ts'
import { type KeptRow, keyedTable } from '../journal/kept-rows.ts'
import { hashOfCommand, type Keyed } from '../protocol/keyed.ts'
import type { SlicedRows } from '../protocol/rows.ts'
import { approximateBytes, type JsonObject, type JsonValue } from '../protocol/value.ts'
import { type Answer, type CheckedCommand, keyOf, type Task } from './task.ts'

interface Entry extends Keyed {
  /** On the clock of the wall, as it lasts longer than the shard. */
  readonly at: number
  readonly answer: Pick<Answer, 'command' | 'fields' | 'version'>
  readonly bytes: number
}

/** What an entry costs besides its reply. */
const entryBytes = 300

export class KeyedReplies {
  readonly #limits: Limits
  /** The oldest comes first. */
  readonly #entries = new Map<string, Entry>()
  #noted: Entry[] = []
  #removals: KeptRow[] = []
  #bytes = 0
  answeredAgain = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  /** Takes a row that was recovered; `sort` has to follow the last one. */
  load({ routingKey, key, value }: KeptRow): void {
    const { at, hash, command, fields, version } = value as JsonObject
    const answer = { command, fields, version } as unknown as Entry['answer']
    this.#put({ routingKey, key, hash: hash as string, at: at as number, answer, bytes: bytesOf(answer) })
  }

  /** All rows are in. */
  sort(): void {
    const entries = [...this.#entries].sort(([, one], [, other]) => one.at - other.at)
    this.#entries.clear()
    for (const [name, entry] of entries) this.#entries.set(name, entry)
  }

  /** The answer that stands for a command, as its key is known, or cannot be; undefined for one that has to be decided. */
  given({ routingKey, key, hash }: Keyed, wall: number): Entry['answer'] | Refuse | undefined {
    this.#dropOld(wall)
    const found = this.#entries.get(nameOf(routingKey, key))
    if (found !== undefined) {
      if (found.hash !== hash) return refuse('KEY_REUSED', { idempotency_key: key })
      this.answeredAgain += 1
      return found.answer
    }
    const { idempotencyKeysPerShardMax, keptReplyBytesPerShardMax } = this.#limits
    if (this.#entries.size < idempotencyKeysPerShardMax && this.#bytes < keptReplyBytesPerShardMax) return undefined
    return refuse('OVERLOADED', { what: `${this.#entries.size} idempotency keys are remembered` })
  }

  /** The command ran; its row belongs into the commit of its batch, which there has to be. */
  note({ routingKey, key, hash }: Keyed, { command, fields, version }: Answer, wall: number): true {
    const answer = { command, fields, version }
    const entry = { routingKey, key, hash, at: wall, answer, bytes: bytesOf(answer) }
    this.#put(entry)
    this.#noted.push(entry)
    return true
  }

  rows(): KeptRow[] {
    const noted = this.#noted.map(({ routingKey, key, hash, at, answer }): KeptRow => {
      return { table: keyedTable, routingKey, key, value: { at, hash, ...answer } as unknown as JsonValue }
    })
    return [...this.#removals, ...noted]
  }

  /** The rows are committed. */
  adopt(): void {
    this.#noted = []
    this.#removals = []
  }

  /** The journal refused them. */
  takeBack(): void {
    for (const entry of this.#noted.splice(0)) this.#remove(entry)
  }

  #put(entry: Entry): void {
    this.#entries.set(nameOf(entry.routingKey, entry.key), entry)
    this.#bytes += entry.bytes
  }

  #remove({ routingKey, key, bytes }: Entry): void {
    this.#entries.delete(nameOf(routingKey, key))
    this.#bytes -= bytes
  }

  #dropOld(wall: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.at + this.#limits.idempotencyKeyMs > wall) return
      this.#remove(entry)
      const { routingKey, key } = entry
      this.#removals.push({ table: keyedTable, routingKey, key, value: undefined })
    }
  }
}

/** The key of a command, with what tells the command from another one; undefined for one without. */
export function keyedOf({ name, args }: CheckedCommand, task: Task): Keyed | undefined {
  const { rows } = task
  const key = args.idempotency_key
  if (typeof key !== 'string') return undefined
  const { cmd: _, state: __, request_id: ___, idempotency_key: ____, data, ...rest } = args
  const rowsOrData = rows === undefined ? { value: data ?? null } : (data as unknown as SlicedRows).text
  return { routingKey: keyOf(task), key, hash: hashOfCommand(name, [{ value: rest }, rowsOrData]) }
}

function nameOf(routingKey: string, key: string): string {
  return `${routingKey}\0${key}`
}

function bytesOf({ fields }: Entry['answer']): number {
  return entryBytes + approximateBytes(fields)
}
