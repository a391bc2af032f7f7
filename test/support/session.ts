// A session with an engine, so that a test reads like what a user would type: `t.ok('CREATE_RECORD', { data })`.
// Owns what holds for every command of every test: the reply is the declared one, and a refusal changes nothing.
// The state is 'leads' unless a command names another, and for commands on keys the one that is theirs by default.
import { expect, onTestFinished } from 'vitest'
import { type EngineOptions, openEngine } from '../../src/engine.ts'
import { type CommandName, commands, nameFieldOf } from '../../src/protocol/commands.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { replyProblem } from './replies.ts'

export type Call = (command: JsonObject) => Promise<JsonObject>

/** An engine without threads, or as `options` say, that is closed after the test. */
export async function session(options: EngineOptions = {}): Promise<Session> {
  const engine = await openEngine({ shards: 0, ...options })
  onTestFinished(() => engine.close())
  return new Session((command) => engine.call(command))
}

/** A session with the table 'leads', holding these records. */
export async function table(...records: JsonObject[]): Promise<Session> {
  const t = await session()
  await t.ok('CREATE_STATE')
  for (const data of records) await t.ok('CREATE_RECORD', { data })
  return t
}

export class Session {
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
  }

  /** Sends a command in its documented form, just as it stands. */
  async call(command: JsonObject): Promise<JsonObject> {
    const reply = await this.#call(command)
    expect(replyProblem(command, reply), JSON.stringify(reply).slice(0, 1_000)).toBeUndefined()
    return reply
  }

  /** The reply to a command, whatever it is. */
  send(name: CommandName, fields: JsonObject = {}): Promise<JsonObject> {
    const needsState = nameFieldOf(name) === 'state' && commands[name].target !== 'keys'
    return this.call({ cmd: name, ...(needsState && { state: 'leads' }), ...fields })
  }

  /** The reply to a command that has to succeed, less its `status`. */
  async ok(name: CommandName, fields: JsonObject = {}): Promise<JsonObject> {
    const { status, ...reply } = await this.send(name, fields)
    expect(status, `${name} is answered ${JSON.stringify(reply).slice(0, 1_000)}`).toBe('ok')
    return reply
  }

  /** The reply to a command that has to be refused, less its `status`. The refusal must leave everything as it was. */
  refused(name: CommandName, fields: JsonObject = {}): Promise<JsonObject> {
    return this.#refused(() => this.send(name, fields))
  }

  /** The same for a command just as it stands. */
  refusedCall(command: JsonObject): Promise<JsonObject> {
    return this.#refused(() => this.call(command))
  }

  async #refused(send: () => Promise<JsonObject>): Promise<JsonObject> {
    const before = await this.contents()
    const { status, ...reply } = await send()
    expect(status, `answered ${JSON.stringify(reply).slice(0, 1_000)}`).toBe('error')
    expect(await this.contents()).toEqual(before)
    return reply
  }

  async version(state = 'leads'): Promise<JsonValue> {
    return (await this.ok('GET_STATE_INFO', { state })).version ?? null
  }

  async records(state = 'leads'): Promise<JsonObject[]> {
    return (await this.ok('LIST_RECORDS', { state })).records as JsonObject[]
  }

  /** All that a reader can see: every state with its version, and its schema and records, or its keys. */
  async contents(): Promise<Record<string, JsonObject>> {
    const { states } = await this.ok('LIST_STATES')
    const seen: Record<string, JsonObject> = {}
    for (const state of states as string[]) {
      const info = await this.ok('GET_STATE_INFO', { state })
      seen[state] = { ...info, ...(await this.#held(info, state)) }
    }
    return seen
  }

  #held({ kind }: JsonObject, state: string): Promise<JsonObject> {
    if (kind === 'machine') return this.#machineOf(state)
    return kind === 'keys' ? this.#keysOf(state) : this.#tableOf(state)
  }

  async #machineOf(state: string): Promise<JsonObject> {
    const { instances } = await this.ok('LIST_INSTANCES', { state })
    const found = (instances as JsonObject[]).map(async ({ id = null }) => ({
      ...(await this.ok('GET_INSTANCE', { state, id })),
      ...(await this.ok('GET_HISTORY', { state, id })),
    }))
    return { instances: await Promise.all(found) }
  }

  async #tableOf(state: string): Promise<JsonObject> {
    return { ...(await this.ok('GET_SCHEMA', { state })), ...(await this.ok('LIST_RECORDS', { state })) }
  }

  async #keysOf(state: string): Promise<JsonObject> {
    const { keys } = await this.ok('LIST_KEYS', { state })
    const found = (keys as string[]).map(async (key) => [key, await this.ok('GET_KEY', { state, key })] as const)
    return { keys: Object.fromEntries(await Promise.all(found)) }
  }
}
