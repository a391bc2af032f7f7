// What commands do when they run one at a time: states and transactions as the model of the whole engine has it
// (support/model.ts), and a lock by itself, whose tokens only have to rise.
import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { commands, findCommand } from '../../src/protocol/commands.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { comparable } from '../support/comparable.ts'
import { Model } from '../support/model.ts'
import type { Sequential } from './checker.ts'

/** Whether the command never changes anything. */
export function isRead({ cmd }: JsonObject): boolean {
  const name = findCommand(cmd as string)
  return name !== undefined && !commands[name].writes
}

/** Short, since a search remembers very many; and made once, as the same model is come to again and again. */
const keys = new WeakMap<Model, string>()

/** Tables, keyspaces, machines, and transactions over them: every reply is foretold in full. */
export const states: Sequential<Model> = {
  initial: new Model(),
  isRead,
  keyOf(model) {
    const key = keys.get(model) ?? createHash('sha1').update(model.text()).digest('base64')
    keys.set(model, key)
    return key
  },
  step(model, command, reply) {
    const after = isRead(command) ? model : model.copy()
    const expected = after.call(command)
    if (reply === undefined) return after
    return isDeepStrictEqual(comparable(command, reply), comparable(command, expected)) ? after : undefined
  },
  // Versions only rise.
  isTooLate(model, { state }, { version, state_version: stateVersion }) {
    const told = stateVersion ?? version
    return typeof state === 'string' && typeof told === 'number' && told < model.versionOf(state)
  },
  answerIn: (model, command) => JSON.stringify(model.copy().call(command)),
}

export interface LockState {
  readonly owner: string | undefined
  /** The newest token: null before the first, and undefined where its grant was not answered. */
  readonly token: number | null | undefined
  /** The highest token that was seen. */
  readonly seen: number
}

/** One lock whose time is never over. */
export const lock: Sequential<LockState> = {
  initial: { owner: undefined, token: null, seen: 0 },
  isRead,
  keyOf: ({ owner, token, seen }) => `${owner} ${token} ${seen}`,
  step(state, command, reply) {
    const { owner } = state
    switch (command.cmd) {
      case 'TRY_LOCK':
      case 'LOCK': {
        if (owner !== undefined) return expects(state, reply, { acquired: false, owner: null, token: null })
        const granted = { ...state, owner: command.owner as string, token: undefined }
        if (reply === undefined) return granted
        return reply.acquired === true && reply.owner === command.owner ? withToken(granted, reply.token) : undefined
      }
      case 'UNLOCK':
        if (owner === undefined) return expects(state, reply, { released: false })
        if (owner !== command.owner) return expects(state, reply, { code: 'LOCK_NOT_HELD' })
        return expects({ ...state, owner: undefined }, reply, { released: true })
      case 'EXTEND_LOCK':
        if (owner === undefined) return expects(state, reply, { extended: false })
        return expects(state, reply, owner === command.owner ? { extended: true } : { code: 'LOCK_NOT_HELD' })
      case 'GET_LOCK': {
        const seen = expects(state, reply, { held: owner !== undefined, owner: owner ?? null })
        return seen === undefined || reply === undefined ? seen : withToken(seen, reply.token)
      }
      default:
        throw new Error(`no lock knows ${JSON.stringify(command.cmd)}`)
    }
  },
  isTooLate: ({ seen }, _, { token }) => typeof token === 'number' && token < seen,
  answerIn: ({ owner, token = 'not known' }) =>
    `what fits a lock ${owner === undefined ? 'that is free' : `of ${owner}`}, its newest token ${token}`,
}

function expects(after: LockState, reply: JsonObject | undefined, fields: JsonObject): LockState | undefined {
  if (reply === undefined) return after
  return Object.entries(fields).every(([field, value]) => reply[field] === value) ? after : undefined
}

/** Tokens are held against what was seen; one that nobody has seen yet is learned. */
function withToken(state: LockState, token: unknown): LockState | undefined {
  if (state.token !== undefined) return state.token === token ? state : undefined
  return typeof token === 'number' && token > state.seen ? { ...state, token, seen: token } : undefined
}
