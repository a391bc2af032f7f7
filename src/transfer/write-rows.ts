// Makes commands of what stands in a file. Whatever is sent twice counts once: a row that is there already just as it should
// be is taken for written, so that an import can begin again somewhat before where it was ended.
import { isDeepStrictEqual } from 'node:util'
import { type Client, HoldfastError } from '../client/index.ts'
import type { RecordId } from '../protocol/arguments.ts'
import { errorTable, isErrorCode, type Refusal, refusal } from '../protocol/errors.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import {
  creationOf,
  type InstanceEntry,
  type ItemsEntry,
  type KeyEntry,
  kindOfRow,
  type RowEntry,
  type StateLine,
} from './format.ts'

/** `insert` refuses what is there already and different, `upsert` overwrites it, `replace` empties each state first. */
export type Mode = 'insert' | 'upsert' | 'replace'

export type RowOutcome = 'written' | 'unchanged' | 'expired' | Refusal

/** A state that takes rows, as it is in the daemon. */
export interface Target {
  readonly name: string
  readonly kind: StateLine['kind']
  /** The field of a table that follows a machine. */
  readonly bound: string | undefined
  readonly isNew: boolean
}

/** Undefined for an error that is about the daemon and not about what was sent: it ends the import. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof HoldfastError)) return undefined
  const { code, message, details } = error
  if (!isErrorCode(code) || !['request', 'state'].includes(errorTable[code].class)) return undefined
  return { code, message, details }
}

export class RowWriter {
  readonly #client: Client
  readonly #mode: Mode

  constructor(client: Client, mode: Mode) {
    this.#client = client
    this.#mode = mode
  }

  /** Makes the state of a line ready for rows. `isWhole`: all that it shall hold follows. */
  async begin(line: StateLine, isWhole: boolean): Promise<Target | Refusal> {
    const { state } = line
    try {
      if (this.#mode === 'replace' && isWhole) await this.#refusedAs('STATE_NOT_FOUND', { cmd: 'DELETE_STATE', state })
      const isNew = !(await this.#refusedAs('STATE_EXISTS', { cmd: 'CREATE_STATE', state, ...creationOf(line) }))
      const info = await this.#client.call({ cmd: 'GET_STATE_INFO', state })
      const kind = info.kind as Target['kind']
      if (kind !== line.kind) return refusal('WRONG_KIND', { state, kind, expected: line.kind })
      if (this.#mode === 'replace' && !isWhole && !isNew) await this.#client.call({ cmd: 'SET_STATE', state, data: [] })
      const bound = (info.machine as JsonObject | undefined)?.field as string | undefined
      return { name: state, kind, bound, isNew }
    } catch (error) {
      const refused = refusalOf(error)
      if (refused === undefined) throw error
      return refused
    }
  }

  /** True if the command was refused with this code, which is no error then. */
  async #refusedAs(code: string, command: { cmd: string; state: string }): Promise<boolean> {
    try {
      await this.#client.call(command)
      return false
    } catch (error) {
      if (error instanceof HoldfastError && error.code === code) return true
      throw error
    }
  }

  /** The first of as many automatic ids, which nobody else gets. */
  async reserve(state: string, count: number): Promise<number> {
    const { first } = await this.#client.call({ cmd: 'RESERVE_IDS', state, count })
    return first as number
  }

  /** Rejects with what ends the import. Rows of one state are written in the order of the calls. */
  async write(target: Target, entry: RowEntry): Promise<RowOutcome> {
    const { name: state, kind } = target
    const expected = kindOfRow[entry.type]
    if (kind !== expected) return refusal('WRONG_KIND', { state, kind, expected })
    try {
      switch (entry.type) {
        case 'record':
          return await this.#writeRecord(target, entry.data)
        case 'key':
          return await this.#writeKey(state, entry)
        case 'items':
          return await this.#writeItems(state, entry)
        case 'instance':
          return await this.#writeInstance(state, entry)
      }
    } catch (error) {
      const refused = refusalOf(error)
      if (refused === undefined) throw error
      return refused
    }
  }

  async #writeRecord({ name: state, bound }: Target, data: JsonObject): Promise<RowOutcome> {
    const more = bound === undefined ? {} : { imported: true }
    if (this.#mode === 'upsert') {
      await this.#client.call({ cmd: 'SET_RECORD', state, id: data.id as RecordId, data, ...more })
      return 'written'
    }
    return this.#unlessThere('RECORD_EXISTS', { cmd: 'CREATE_RECORD', state, data, ...more }, async () => {
      const { record } = await this.#client.call({ cmd: 'GET_RECORD', state, id: data.id as RecordId })
      const stands = record as JsonObject | null
      // A field that follows a machine is filled in where it is absent.
      const filled = bound !== undefined && stands?.[bound] !== undefined ? { [bound]: stands[bound] } : {}
      return stands !== null && isDeepStrictEqual(stands, { ...filled, ...data, id: stands.id })
    })
  }

  async #writeKey(state: string, { key, value, encoding, expiresAt, more }: KeyEntry): Promise<RowOutcome> {
    const ttl = expiresAt === undefined ? undefined : expiresAt - Date.now() / 1_000
    if (ttl !== undefined && ttl <= 0) return 'expired'
    const args = { state, key, value, ...(encoding && { encoding }), ...(ttl !== undefined && { ttl }) }
    if (this.#mode === 'upsert') {
      await this.#client.call({ cmd: 'SET_KEY', ...args })
      return 'written'
    }
    return this.#unlessThere('KEY_EXISTS', { cmd: 'CREATE_KEY', ...args }, async () => {
      const stands = await this.#client.call({ cmd: 'GET_KEY', state, key })
      const found =
        more && Array.isArray(stands.value) ? stands.value.slice(0, (value as JsonValue[]).length) : stands.value
      return stands.encoding === encoding && isDeepStrictEqual(found, value)
    })
  }

  /** What is there of them already, from an import that was ended in the middle, is not pushed again. */
  async #writeItems(state: string, { key, from, items }: ItemsEntry): Promise<RowOutcome> {
    const { length } = await this.#client.call({ cmd: 'LIST_LENGTH', state, key })
    const rest = items.slice(Math.max(0, (length as number) - from))
    await Promise.all(rest.map((item) => this.#client.call({ cmd: 'PUSH_LIST', state, key, item })))
    return rest.length === 0 ? 'unchanged' : 'written'
  }

  async #writeInstance(state: string, { id, value, context }: InstanceEntry): Promise<RowOutcome> {
    const creation = { cmd: 'CREATE_INSTANCE', state, id, value, context }
    if (this.#mode === 'upsert') {
      const deletion = this.#client.call({ cmd: 'DELETE_INSTANCE', state, id })
      await Promise.all([deletion, this.#client.call(creation)])
      return 'written'
    }
    return this.#unlessThere('INSTANCE_EXISTS', creation, async () => {
      const stands = await this.#client.call({ cmd: 'GET_INSTANCE', state, id })
      return isDeepStrictEqual([stands.value, stands.context], [value, context])
    })
  }

  async #unlessThere(
    code: string,
    command: { cmd: string; [field: string]: JsonValue },
    isThere: () => Promise<boolean>,
  ): Promise<RowOutcome> {
    try {
      await this.#client.call(command)
      return 'written'
    } catch (error) {
      if (error instanceof HoldfastError && error.code === code && (await isThere())) return 'unchanged'
      throw error
    }
  }
}
