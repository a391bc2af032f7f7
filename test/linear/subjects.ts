// What histories are about: one state of each kind, or two under transactions, and the commands that callers who get into
// each other's way make on it at random. Every value that is written is another, so that no two writes look the same.
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import type { History } from './history.ts'
import { judge, type Verdict } from './judge.ts'
import * as sequential from './sequential.ts'

type Random = (below: number) => number

export const subjectKinds = ['table', 'big table', 'keys', 'list', 'machine', 'lock', 'transactions'] as const
export type SubjectKind = (typeof subjectKinds)[number]

export interface Subject {
  readonly kind: SubjectKind
  /** Its state; of a lock, its name. Under transactions there are two. */
  readonly names: readonly string[]
}

/** Transactions are over both; everything else is on the first. */
export function subjectOf(kind: SubjectKind, first: string, second: string): Subject {
  return { kind, names: kind === 'transactions' ? [first, second] : [first] }
}

/** What a caller remembers, to choose what comes next. */
export class Caller {
  readonly name: string
  /** The version under which it writes, and the token under which it gives an item back: those that it saw last. */
  version: JsonValue = 0
  token: JsonValue = 0
  /** Used for one grant, so that nobody gives back what somebody else took. */
  owner = ''
  mayHoldLock = false
  foundNothing = false
  #attempts = 0

  constructor(name: string) {
    this.name = name
  }

  takesLock(): string {
    this.#attempts += 1
    this.owner = `${this.name}/${this.#attempts}`
    this.mayHoldLock = true
    return this.owner
  }

  notice({ cmd }: JsonObject, reply: JsonObject): void {
    if (typeof reply.version === 'number') this.version = reply.version
    if (reply.code === 'VERSION_CONFLICT') this.version = reply.found ?? 0
    if (typeof reply.token === 'number') this.token = reply.token
    this.foundNothing = reply.code === 'STATE_NOT_FOUND'
    if (reply.acquired === false || cmd === 'UNLOCK') this.mayHoldLock = false
  }
}

/** So many rows are put in place in steps, while commands on the state wait. */
const bigRows = 1_030

/** What has to be there before callers come. */
export function creations({ kind, names }: Subject): JsonObject[] {
  const [state = ''] = names
  if (kind === 'table' || kind === 'big table') return [{ cmd: 'CREATE_STATE', state }]
  if (kind === 'machine') return [{ cmd: 'CREATE_STATE', state, kind: 'machine', definition }]
  return []
}

/** What is looked at when all callers are done. */
export function lastReads({ kind, names }: Subject): JsonObject[] {
  const [state = '', other = ''] = names
  switch (kind) {
    case 'table':
    case 'big table':
      return [{ cmd: 'LIST_RECORDS', state }]
    case 'machine':
      return [{ cmd: 'LIST_INSTANCES', state }]
    case 'lock':
      return [{ cmd: 'GET_LOCK', lock: state }]
    case 'transactions':
      return [
        { cmd: 'GET_KEY', state, key: 'sum' },
        { cmd: 'GET_KEY', state: other, key: 'sum' },
        { cmd: 'GET_KEY', state, key: 'log' },
        { cmd: 'GET_KEY', state: other, key: 'log' },
      ]
    default:
      return ['a', 'b', 'n', 'q'].map((key) => ({ cmd: 'GET_KEY', state, key }))
  }
}

/** What a caller does next. `tag` is one that no other write has. */
export function nextCommand({ kind, names }: Subject, random: Random, caller: Caller, tag: number): JsonObject {
  const [state = '', other = ''] = names
  const one = (...choices: readonly JsonObject[]): JsonObject => choices[random(choices.length)] as JsonObject
  const key = ['a', 'b'][random(2)] as string
  const id = 1 + random(3)
  switch (kind) {
    case 'table':
      if (caller.foundNothing) return { cmd: 'CREATE_STATE', state }
      return random(40) === 0 ? { cmd: 'DELETE_STATE', state } : { state, ...one(...tableCommands(id, tag)) }
    case 'big table':
      if (random(8) === 0) return { cmd: 'SET_STATE', state, data: Array.from({ length: bigRows }, () => ({ tag })) }
      return {
        state,
        ...one(
          { cmd: 'GET_RECORD', id: one({ id: 1 }, { id: bigRows / 2 }, { id: bigRows }).id ?? 1 },
          { cmd: 'GET_STATE_INFO' },
          { cmd: 'SET_RECORD', id: bigRows, data: { tag } },
          { cmd: 'PATCH_RECORD', id: 1, data: { tag } },
          { cmd: 'CREATE_RECORD', data: { tag } },
        ),
      }
    case 'keys':
      return { state, ...one(...keyCommands(key, caller, tag)) }
    case 'list':
      return { state, ...one(...listCommands(caller, tag)) }
    case 'machine':
      return { state, ...one(...machineCommands(id, tag)) }
    case 'lock':
      return { lock: state, ...lockCommand(caller, random) }
    case 'transactions':
      return one(...transactionCommands(state, other, caller, tag))
  }
}

const definition: JsonObject = {
  initial: 'open',
  states: {
    open: { on: { GO: 'busy' } },
    busy: { on: { GO: 'idle', BACK: 'open' } },
    idle: { on: { GO: 'open' } },
  },
}

function tableCommands(id: number, tag: number): JsonObject[] {
  return [
    { cmd: 'CREATE_RECORD', data: { tag } },
    { cmd: 'SET_RECORD', id, data: { tag } },
    { cmd: 'SET_RECORD', id, data: { tag } },
    { cmd: 'PATCH_RECORD', id, data: { tag } },
    { cmd: 'DELETE_RECORD', id },
    { cmd: 'SET_STATE', data: [{ tag }, { tag }, { tag, id: id + 1 }] },
    { cmd: 'GET_RECORD', id },
    { cmd: 'GET_RECORD', id },
    { cmd: 'LIST_RECORDS' },
    { cmd: 'GET_STATE_INFO' },
  ]
}

function keyCommands(key: string, { version }: Caller, tag: number): JsonObject[] {
  return [
    { cmd: 'SET_KEY', key, value: tag },
    { cmd: 'GET_KEY', key },
    { cmd: 'GET_KEY', key },
    { cmd: 'DELETE_KEY', key },
    { cmd: 'INCREMENT_KEY', key: 'n' },
    { cmd: 'INCREMENT_KEY', key: 'n', by: 2 },
    { cmd: 'COMPARE_AND_SET', key, version, value: tag },
    { cmd: 'COMPARE_AND_SET', key, version, value: tag },
    { cmd: 'CREATE_KEY', key, value: tag },
    { cmd: 'COMPARE_SWAP', key, old: null, new: tag },
    { cmd: 'GET_VERSION', key },
    { cmd: 'LIST_KEYS' },
    { cmd: 'CLEAR_KEYS' },
  ]
}

function listCommands({ token }: Caller, tag: number): JsonObject[] {
  const key = 'q'
  return [
    { cmd: 'PUSH_LIST', key, item: tag },
    { cmd: 'PUSH_LIST', key, item: tag },
    { cmd: 'PUSH_LIST', key, item: tag, end: 'first' },
    { cmd: 'POP_LIST', key },
    { cmd: 'POP_LIST', key, end: 'first' },
    { cmd: 'POP_LIST', key, end: 'first', wait: 0.02 },
    { cmd: 'POP_LIST', key, lease: 3_600 },
    { cmd: 'ACK_ITEM', key, token },
    { cmd: 'RETURN_ITEM', key, token },
    { cmd: 'LIST_LENGTH', key },
    { cmd: 'GET_KEY', key },
  ]
}

function machineCommands(id: number, tag: number): JsonObject[] {
  return [
    { cmd: 'CREATE_INSTANCE', context: { tag } },
    { cmd: 'SEND_EVENT', id, event: 'GO', data: { tag } },
    { cmd: 'SEND_EVENT', id, event: 'GO', data: { tag } },
    { cmd: 'SEND_EVENT', id, event: 'BACK' },
    { cmd: 'GET_INSTANCE', id },
    { cmd: 'GET_INSTANCE', id },
    { cmd: 'LIST_INSTANCES' },
    { cmd: 'DELETE_INSTANCE', id },
  ]
}

function lockCommand(caller: Caller, random: Random): JsonObject {
  if (random(4) === 0) return { cmd: 'GET_LOCK' }
  if (!caller.mayHoldLock) {
    const taken = { ttl: 3_600, owner: caller.takesLock() }
    return random(2) === 0 ? { cmd: 'TRY_LOCK', ...taken } : { cmd: 'LOCK', ...taken, timeout: 0.02 }
  }
  const { owner } = caller
  return random(4) === 0 ? { cmd: 'EXTEND_LOCK', owner, ttl: 3_600 } : { cmd: 'UNLOCK', owner }
}

function transactionCommands(state: string, other: string, { version }: Caller, tag: number): JsonObject[] {
  const move: JsonObject[] = [
    { cmd: 'DECREMENT_KEY', state, key: 'sum', by: tag },
    { cmd: 'INCREMENT_KEY', state: other, key: 'sum', by: tag },
  ]
  const note: JsonObject[] = [
    { cmd: 'PUSH_LIST', state: other, key: 'log', item: tag },
    { cmd: 'PUSH_LIST', state, key: 'log', item: tag },
  ]
  return [
    { cmd: 'TRANSACTION', ops: move },
    { cmd: 'TRANSACTION', ops: note },
    { cmd: 'TRANSACTION', ops: [{ check: { state, key: 'sum', version } }, ...note] },
    { cmd: 'GET_KEY', state, key: 'sum' },
    { cmd: 'GET_KEY', state: other, key: 'sum' },
    { cmd: 'GET_KEY', state, key: 'log' },
    { cmd: 'GET_KEY', state: other, key: 'log' },
    { cmd: 'INCREMENT_KEY', state, key: 'sum' },
  ]
}

/** Whether the history of the subject has an order. */
export function judgeHistory({ kind }: Subject, { calls }: History): Verdict {
  // A read that nobody heard the answer of says nothing.
  const telling = calls.filter(({ command, reply }) => reply !== undefined || !sequential.isRead(command))
  return kind === 'lock' ? judge(sequential.lock, telling) : judge(sequential.states, telling)
}
