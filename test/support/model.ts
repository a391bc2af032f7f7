// What the tables should do, in the simplest code that could be right: written from the documentation, not from the
// engine, and sharing nothing with it. Slow, synchronous, without bounds of size. The runner compares reply by reply.
// Cursors are the one thing it cannot foretell: its own are the insertion numbers as text.
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { begun, type ModelBound, modelBound, moving } from './model-bound.ts'
import { idOf } from './model-ids.ts'
import { keyCommands, type ModelKeyspace, newKeyspace, runOnKeys, sweep } from './model-keys.ts'
import {
  fireTimers,
  type ModelMachine,
  machineCommands,
  newMachine,
  runOnMachine,
  tiedInstances,
} from './model-machines.ts'
import { Refused } from './model-refused.ts'

type Id = number | string

// Never the operator `in`: it finds `constructor` in every object.
const has = Object.hasOwn

interface ModelRecord {
  readonly order: number
  record: JsonObject
  revision: number
}

/** Of JSON Schema the model knows required fields, and properties of type integer. */
interface ModelSchema {
  readonly source: JsonObject
  readonly integers: string[]
  readonly required: string[]
}

interface ModelTable {
  readonly kind: 'table'
  readonly bound: ModelBound | undefined
  version: number
  maxLength: number | null
  fields: string[] | null
  schema: ModelSchema | undefined
  /** In insertion order, as Map keeps it. */
  records: Map<Id, ModelRecord>
  nextId: number
  nextOrder: number
}

type ModelState = ModelTable | ModelKeyspace | ModelMachine

export class Model {
  readonly #states = new Map<string, ModelState>()
  /** The versions of deleted names, the one that was deleted longest ago first. */
  readonly #deleted = new Map<string, number>()
  readonly #deletedNamesMax: number
  readonly #now: () => number
  #versionFloor = 0

  /** `now` is the time in milliseconds, which a test may move; without it nothing is ever due. */
  constructor(deletedNamesMax = Number.POSITIVE_INFINITY, now: () => number = () => 0) {
    this.#deletedNamesMax = deletedNamesMax
    this.#now = now
  }

  /** The documented reply, less the words of a refusal, and less where the state lives. */
  call(command: JsonObject): JsonObject {
    try {
      return { status: 'ok', ...this.#run(command) }
    } catch (error) {
      if (error instanceof Refused) return error.reply
      throw error
    }
  }

  #run(command: JsonObject): JsonObject {
    if (command.cmd === 'TRANSACTION') return this.#transaction(command.ops as JsonObject[])
    checkForm(command)
    if (command.cmd === 'LIST_STATES') return this.#listStates(command)
    for (const state of this.#states.values()) {
      if (state.kind === 'keys') sweep(state, this.#now())
      if (state.kind === 'machine') fireTimers(state, this.#now())
    }
    const name = command.state as string
    const cmd = command.cmd as string
    if (cmd === 'CREATE_STATE') return this.#createState(name, command)
    const state = this.#states.get(name)
    if (keyCommands.has(cmd)) return this.#runOnKeys(name, state, command)
    if (state === undefined) throw new Refused('STATE_NOT_FOUND', { state: name })
    if (cmd === 'DELETE_STATE') return this.#deleteState(name, state)
    if (cmd === 'GET_STATE_INFO' && state.kind !== 'table') return { name, ...described(state) }
    const expected = machineCommands.has(cmd) ? 'machine' : 'table'
    if (state.kind !== expected) throw new Refused('WRONG_KIND', { state: name, kind: state.kind, expected })
    const reply =
      state.kind === 'machine' ? runOnMachine(state, command, this.#now()) : runOnTable(name, state, command)
    return { ...reply, version: state.version }
  }

  /** One that goes its own way from here on. */
  copy(): Model {
    const copy = new Model(this.#deletedNamesMax, this.#now)
    for (const [name, state] of this.#states) copy.#states.set(name, copyOf(state))
    for (const [name, version] of this.#deleted) copy.#deleted.set(name, version)
    copy.#versionFloor = this.#versionFloor
    return copy
  }

  /** Where the state stands, or would begin. */
  versionOf(name: string): number {
    return this.#states.get(name)?.version ?? this.#firstVersion(name)
  }

  /** All that it holds, as text: the same for models that nothing tells apart. */
  text(): string {
    const states = [...this.#states].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, state]) => [name, textOf(state)])
    return JSON.stringify([states, [...this.#deleted], this.#versionFloor])
  }

  /** One command after the other, and all of it taken back by a copy of what stood before. */
  #transaction(ops: readonly JsonObject[]): JsonObject {
    const before = structuredClone({ states: [...this.#states], deleted: [...this.#deleted] })
    const floor = this.#versionFloor
    const results: JsonObject[] = []
    const isCheck = ({ check }: JsonObject): boolean => check !== undefined
    const steps: readonly ((op: JsonObject, index: number) => void)[] = [
      (op) => checkForm(isCheck(op) ? (op.check as JsonObject) : op),
      (op, index) => {
        if (isCheck(op)) results[index] = this.#check(op.check as JsonObject)
      },
      (op, index) => {
        if (!isCheck(op)) results[index] = this.#run(op)
      },
    ]
    let at = 0
    try {
      for (const step of steps) {
        for (const [index, op] of ops.entries()) {
          at = index
          step(op, index)
        }
      }
      return { results }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.#states.clear()
      for (const [name, state] of before.states) this.#states.set(name, state)
      this.#deleted.clear()
      for (const [name, version] of before.deleted) this.#deleted.set(name, version)
      this.#versionFloor = floor
      const { status: _, ...cause } = error.reply
      throw new Refused('TRANSACTION_FAILED', { index: at, cause })
    }
  }

  #check({ state = null, key, id = null, ...expected }: JsonObject): JsonObject {
    const read = key === undefined ? { cmd: 'GET_RECORD', state, id } : { cmd: 'GET_VERSION', state, key }
    const { version, revision = 0 } = this.#run(read)
    const standing: JsonObject = {
      exists: revision !== 0,
      ...(key !== undefined && { version }),
      revision,
    }
    for (const field of ['exists', 'version', 'revision']) {
      const [wanted, found] = [expected[field], standing[field]]
      if (wanted === undefined || wanted === found) continue
      throw new Refused(
        'VERSION_CONFLICT',
        field === 'exists'
          ? { expected: { exists: wanted }, found: { exists: !wanted } }
          : { expected: wanted, found: found as JsonValue },
      )
    }
    return standing
  }

  /** See `tiedInstances`. */
  tied(name: string): Id[] {
    const state = this.#states.get(name)
    return state?.kind === 'machine' ? tiedInstances(state) : []
  }

  /** A keyspace that is not there is an empty one, which comes to be with its first change. */
  #runOnKeys(name: string, state: ModelState | undefined, command: JsonObject): JsonObject {
    if (state !== undefined && state.kind !== 'keys') {
      throw new Refused('WRONG_KIND', { state: name, kind: state.kind, expected: 'keys' })
    }
    const first = this.#firstVersion(name)
    const keyspace = state ?? newKeyspace(first)
    const reply = runOnKeys(keyspace, command, this.#now())
    if (state === undefined && keyspace.version > first) this.#insert(name, keyspace)
    return { ...reply, state_version: keyspace.version }
  }

  #firstVersion(name: string): number {
    const deleted = this.#deleted.get(name)
    return deleted === undefined ? this.#versionFloor : deleted + 1
  }

  #insert(name: string, state: ModelState): void {
    this.#deleted.delete(name)
    this.#states.set(name, state)
  }

  #createState(name: string, command: JsonObject): JsonObject {
    const { max_length: maxLength = null, schema, kind, machine, fields, next_id: nextId = 1 } = command
    if (this.#states.has(name)) throw new Refused('STATE_EXISTS', { state: name })
    const version = this.#firstVersion(name)
    if (kind === 'keys') {
      if (maxLength !== null || schema !== undefined) throw new Refused('INVALID_REQUEST')
      this.#insert(name, newKeyspace(version))
      return { created: true, max_length: null, version }
    }
    if (kind === 'machine') {
      this.#insert(name, newMachine(version, command))
      return { created: true, max_length: null, version }
    }
    this.#insert(name, {
      kind: 'table',
      bound: machine === undefined ? undefined : modelBound(machine as JsonObject),
      version,
      maxLength: maxLength as number | null,
      fields: fieldsAtFirst(schema ?? fields),
      schema: schema === undefined ? undefined : modelSchema(schema as JsonObject),
      records: new Map(),
      nextId: nextId as number,
      nextOrder: 1,
    })
    return { created: true, max_length: maxLength, version }
  }

  #deleteState(name: string, { version }: ModelState): JsonObject {
    this.#states.delete(name)
    // A version below the floor needs no memory: the name would start at the floor in any case.
    if (version + 1 >= this.#versionFloor) this.#deleted.set(name, version + 1)
    const [oldest] = this.#deleted
    if (oldest !== undefined && this.#deleted.size > this.#deletedNamesMax) {
      this.#deleted.delete(oldest[0])
      this.#versionFloor = Math.max(this.#versionFloor, oldest[1] + 1)
    }
    return { version: version + 1 }
  }

  #listStates({ prefix = '', after, limit = Number.POSITIVE_INFINITY }: JsonObject): JsonObject {
    const all = [...this.#states.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const wanted = all.filter(
      (name) =>
        name.startsWith(prefix as string) &&
        (after === undefined || Buffer.compare(Buffer.from(name), Buffer.from(after as string)) > 0),
    )
    const states = wanted.slice(0, limit as number)
    return { states, ...(states.length < wanted.length && { next: states.at(-1) as string }) }
  }
}

/** Records are changed in their place; all else is put in the place of what was there. */
function copyOf(state: ModelState): ModelState {
  if (state.kind === 'keys') return { ...state, keys: new Map(state.keys) }
  if (state.kind === 'machine') return { ...state, instances: new Map(state.instances) }
  return { ...state, records: new Map([...state.records].map(([id, found]) => [id, { ...found }])) }
}

function textOf(state: ModelState): JsonValue {
  if (state.kind === 'keys') return [state.version, JSON.stringify([...state.keys])]
  if (state.kind === 'machine') {
    const instances = [...state.instances.values()].map(({ leaf, ...rest }) => [leaf.path, rest])
    return [state.version, state.nextId, JSON.stringify([state.source, instances])]
  }
  const { version, nextId, maxLength, fields, schema, records } = state
  return [version, nextId, maxLength, fields, schema?.source ?? null, JSON.stringify([...records])]
}

/** What is refused whether the state exists or not: arguments that are not of their form. */
function checkForm({ id, limit }: JsonObject): void {
  if (id !== undefined && idOf(id) === undefined) throw new Refused('INVALID_REQUEST')
  if (limit !== undefined && !(Number.isInteger(limit) && (limit as number) >= 1)) throw new Refused('INVALID_REQUEST')
}

function runOnTable(name: string, table: ModelTable, command: JsonObject): JsonObject {
  const id = idOf(command.id ?? 0) as Id
  const data = command.data as JsonObject
  const found = table.records.get(id)
  switch (command.cmd) {
    case 'GET_STATE_INFO': {
      const { maxLength, records, fields, bound } = table
      const info = {
        name,
        kind: 'table',
        max_length: maxLength,
        current_length: records.size,
        schema: fields,
        ...shownNext(table),
      }
      return { ...info, ...(bound && { machine: bound.source }) }
    }
    case 'GET_SCHEMA':
      return { schema: table.fields, ...(table.schema && { json_schema: table.schema.source }) }
    case 'SET_STATE':
      return setState(table, command.data as JsonValue[])
    case 'CREATE_RECORD':
      return createRecord(name, table, data)
    case 'SET_RECORD':
      if (has(data, 'id') && idOf(data.id) !== id) throw new Refused('ID_IMMUTABLE', { id })
      if (found === undefined) add(name, table, id, data)
      else replace(table, found, moving(table, found.record, fitting(table, { ...data, id })))
      return {}
    case 'PATCH_RECORD': {
      if (found === undefined) return { patched: false }
      const fields = Object.keys(data).filter((field) => !table.fields?.includes(field))
      if (fields.length > 0) throw new Refused('UNKNOWN_FIELDS', { fields: fields.sort() })
      if (has(data, 'id') && idOf(data.id) !== id) throw new Refused('ID_IMMUTABLE', { id })
      replace(table, found, moving(table, found.record, fitting(table, { ...found.record, ...data, id })))
      return { patched: true }
    }
    case 'DELETE_RECORD':
      if (found === undefined) return { deleted: false }
      table.records.delete(id)
      table.version += 1
      return { deleted: true }
    case 'GET_RECORD':
      return { record: found?.record ?? null, revision: found?.revision ?? 0 }
    case 'LIST_RECORDS':
      return listRecords(table, command)
    case 'ALTER_STATE':
      return alterState(name, table, command)
    case 'RESERVE_IDS': {
      const first = table.nextId
      if ((command.count as number) > 2 ** 53 - first)
        throw new Refused('LIMIT_EXCEEDED', { what: 'The automatic id', limit: 2 ** 53 - 1 })
      table.nextId = first + (command.count as number)
      table.version += 1
      return { first }
    }
    default:
      throw new Error(`the model does not know ${JSON.stringify(command.cmd)}`)
  }
}

function createRecord(name: string, table: ModelTable, data: JsonObject): JsonObject {
  const named = has(data, 'id') ? idOf(data.id) : table.nextId
  if (named === undefined) throw new Refused('INVALID_REQUEST')
  if (table.records.has(named)) throw new Refused('RECORD_EXISTS', { id: named })
  if (typeof named === 'number' && !Number.isSafeInteger(named)) {
    throw new Refused('LIMIT_EXCEEDED', { what: 'The automatic id', limit: 2 ** 53 - 1 })
  }
  add(name, table, named, data)
  return { id: named }
}

function add(name: string, table: ModelTable, id: Id, data: JsonObject): void {
  const record = moving(table, undefined, fitting(table, begun(table, { ...data, id })))
  if (table.maxLength !== null && table.records.size >= table.maxLength) {
    throw new Refused('MAX_LENGTH_REACHED', { state: name, max_length: table.maxLength })
  }
  table.version += 1
  table.fields ??= Object.keys(record).sort()
  table.records.set(id, { order: table.nextOrder, record, revision: table.version })
  table.nextOrder += 1
  if (typeof id === 'number') table.nextId = Math.max(table.nextId, id + 1)
}

function replace(table: ModelTable, found: ModelRecord, record: JsonObject): void {
  table.version += 1
  found.record = record
  found.revision = table.version
}

function setState(table: ModelTable, data: JsonValue[]): JsonObject {
  const kept = table.maxLength === null ? data : data.slice(0, table.maxLength)
  const named = new Set<Id>()
  for (const [row, fields] of kept.entries()) {
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw new Refused('INVALID_REQUEST')
    if (!has(fields, 'id')) continue
    const id = idOf(fields.id)
    if (id === undefined) throw new Refused('INVALID_REQUEST')
    if (named.has(id)) throw new Refused('DUPLICATE_ID', { id, row })
    named.add(id)
  }
  const version = table.version + 1
  const next: ModelTable = { ...table, version, records: new Map(), nextId: 1 }
  let free = 1
  for (const [row, fields] of (kept as JsonObject[]).entries()) {
    while (named.has(free)) free += 1
    const id = has(fields, 'id') ? (idOf(fields.id) as Id) : free++
    const before = has(fields, 'id') ? table.records.get(id)?.record : undefined
    const given = { ...fields, id }
    const record = moving(table, before, fitting(next, before === undefined ? begun(table, given) : given, row), row)
    next.fields ??= Object.keys(record).sort()
    next.records.set(id, { order: next.nextOrder, record, revision: version })
    next.nextOrder += 1
    if (typeof id === 'number') next.nextId = Math.max(next.nextId, id + 1)
  }
  Object.assign(table, next)
  return { accepted: kept.length, dropped: data.length - kept.length }
}

function listRecords(table: ModelTable, { limit = Number.POSITIVE_INFINITY, after = '0' }: JsonObject): JsonObject {
  const rest = [...table.records.values()].filter(({ order }) => order > Number(after))
  const page = rest.slice(0, limit as number)
  const records = page.map(({ record }) => record)
  return { records, ...(page.length < rest.length && { next: String(page.at(-1)?.order) }) }
}

function alterState(name: string, table: ModelTable, command: JsonObject): JsonObject {
  const add = (command.add_fields ?? {}) as JsonObject
  const drop = (command.drop_fields ?? []) as string[]
  const maxLength = (command.max_length === undefined ? table.maxLength : command.max_length) as number | null
  if (maxLength !== null && table.records.size > maxLength) {
    throw new Refused('MAX_LENGTH_REACHED', { state: name, max_length: maxLength })
  }
  const rewrites = Object.keys(add).length + drop.length > 0
  if (has(add, 'id') || drop.includes('id')) throw new Refused('INVALID_REQUEST')
  const { bound } = table
  if (bound !== undefined && (has(add, bound.field) || drop.includes(bound.field))) throw new Refused('INVALID_REQUEST')
  const fields = table.fields ?? ['id', ...(bound === undefined ? [] : [bound.field])]
  const unknown = drop.filter((field) => !fields.includes(field))
  if (unknown.length > 0) throw new Refused('SCHEMA_MISMATCH', { unknown: unknown.sort() })
  const kept = fields.filter((field) => !drop.includes(field))
  if (kept.some((field) => has(add, field))) throw new Refused('INVALID_REQUEST')
  table.version += 1
  table.maxLength = maxLength
  if (!rewrites) return { max_length: maxLength, schema: table.fields }
  table.fields = [...kept, ...Object.keys(add)].sort()
  if (table.schema !== undefined) {
    const properties = Object.entries(propertiesOf(table.schema.source)).filter(([field]) => !drop.includes(field))
    for (const field of Object.keys(add)) properties.push([field, {}])
    const required = [...table.schema.required.filter((field) => !drop.includes(field)), ...Object.keys(add)]
    table.schema = modelSchema({ ...table.schema.source, properties: Object.fromEntries(properties), required })
  }
  for (const found of table.records.values()) {
    const fieldsKept = Object.entries(found.record).filter(([field]) => !drop.includes(field))
    found.record = { ...Object.fromEntries(fieldsKept), ...add }
    found.revision = table.version
  }
  return { max_length: maxLength, schema: table.fields }
}

/** The record, if the table's schema lets it in. */
function fitting({ fields, schema }: ModelTable, record: JsonObject, row?: number): JsonObject {
  if (fields === null) return record
  const where = row === undefined ? {} : { row }
  const missing = schema === undefined ? fields.filter((field) => !has(record, field)) : []
  const unknown = Object.keys(record).filter((field) => !fields.includes(field))
  if (missing.length + unknown.length > 0) {
    throw new Refused('SCHEMA_MISMATCH', {
      ...(missing.length > 0 && { missing }),
      ...(unknown.length > 0 && { unknown: unknown.sort() }),
      ...where,
    })
  }
  const needed = schema?.required.find((field) => !has(record, field))
  if (needed !== undefined) {
    throw new Refused('SCHEMA_MISMATCH', { path: `/${needed}`, expected: 'a value: the field is required', ...where })
  }
  const wrong = schema?.integers.find((field) => has(record, field) && !Number.isInteger(record[field]))
  if (wrong !== undefined) throw new Refused('SCHEMA_MISMATCH', { path: `/${wrong}`, expected: 'an integer', ...where })
  return record
}

/** Of a schema, or a list of names. */
function fieldsAtFirst(named: JsonValue | undefined): string[] | null {
  if (named === undefined) return null
  return [...new Set(['id', ...(Array.isArray(named) ? (named as string[]) : Object.keys(propertiesOf(named)))])].sort()
}

function shownNext({ nextId }: { readonly nextId: number }): JsonObject {
  return { next_id: Number.isSafeInteger(nextId) ? nextId : null }
}

function described(state: ModelKeyspace | ModelMachine): JsonObject {
  const { kind, version } = state
  const rest = { kind, max_length: null, schema: null, version }
  if (state.kind === 'keys') return { ...rest, current_length: state.keys.size }
  const { source: definition, historyMax, instances } = state
  return { ...rest, current_length: instances.size, definition, history_limit: historyMax, ...shownNext(state) }
}

function modelSchema(source: JsonObject): ModelSchema {
  const properties = Object.entries(propertiesOf(source))
  const integers = properties.filter(([, property]) => (property as JsonObject).type === 'integer')
  return { source, integers: integers.map(([field]) => field), required: (source.required ?? []) as string[] }
}

function propertiesOf(schema: JsonValue): JsonObject {
  return ((schema as JsonObject).properties ?? {}) as JsonObject
}
