// Runs the same session against an engine and against the model, and compares every reply and, at the end, everything
// that can be read. The engine is whatever answers `call`: in this thread, over threads, or behind a socket.
import { expect } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { comparable } from './comparable.ts'
import { Model } from './model.ts'
import { rowsOf, type Step } from './model-steps.ts'
import { replyProblem } from './replies.ts'
import type { Call } from './session.ts'

interface Cursor {
  readonly state: string
  readonly ofEngine: string
  readonly ofModel: string
}

let runs = 0

/**
 * Sends burst after burst, each without waiting for the replies in between. The model is given the commands in the same
 * order, one after another. The states of a run have a prefix of their own, so that one engine serves many runs.
 */
export async function follow(call: Call, bursts: readonly (readonly Step[])[], model = new Model()): Promise<void> {
  runs += 1
  const run = new Run(call, model, `${runs}/`)
  for (const burst of bursts) await run.burst(burst)
  await run.compareContents()
}

class Run {
  readonly #call: Call
  readonly #model: Model
  readonly #prefix: string
  readonly #cursors: Cursor[] = []

  constructor(call: Call, model: Model, prefix: string) {
    this.#call = call
    this.#model = model
    this.#prefix = prefix
  }

  async burst(steps: readonly Step[]): Promise<void> {
    const sent = steps.map((step) => {
      const { command, cursor } = this.#commandOf(step)
      const reply = this.#call({ ...command, ...(cursor && { after: cursor.ofEngine }) })
      const expected = this.#model.call({ ...command, ...(cursor && { after: cursor.ofModel }) })
      return { command, reply, expected }
    })
    for (const { command, reply, expected } of sent) this.#compare(command, await reply, expected)
  }

  async compareContents(): Promise<void> {
    const prefix = this.#prefix
    const { states } = await this.#ask({ cmd: 'LIST_STATES', prefix })
    for (const state of states as string[]) {
      const { kind } = await this.#ask({ cmd: 'GET_STATE_INFO', state })
      if (kind === 'keys' || kind === 'machine') {
        await (kind === 'keys' ? this.#compareKeys(state) : this.#compareInstances(state))
        continue
      }
      await this.#ask({ cmd: 'GET_SCHEMA', state })
      const { records } = await this.#ask({ cmd: 'LIST_RECORDS', state })
      // Every revision of a small table, and some of a large one.
      const some = (records as JsonObject[]).filter((_, index, all) => index % Math.ceil(all.length / 50) === 0)
      await Promise.all(some.map(({ id }) => this.#ask({ cmd: 'GET_RECORD', state, id: id ?? null })))
    }
  }

  async #compareKeys(state: string): Promise<void> {
    const { keys } = await this.#ask({ cmd: 'LIST_KEYS', state })
    for (const key of keys as string[]) {
      await this.#ask({ cmd: 'GET_KEY', state, key })
      await this.#ask({ cmd: 'GET_TTL', state, key })
    }
  }

  async #compareInstances(state: string): Promise<void> {
    const { instances } = await this.#ask({ cmd: 'LIST_INSTANCES', state })
    for (const { id = null } of instances as JsonObject[]) {
      await this.#ask({ cmd: 'GET_INSTANCE', state, id })
      await this.#ask({ cmd: 'GET_HISTORY', state, id })
    }
  }

  async #ask(command: JsonObject): Promise<JsonObject> {
    const reply = this.#call(command)
    const expected = this.#model.call(command)
    this.#compare(command, await reply, expected)
    return reply
  }

  #compare(command: JsonObject, reply: JsonObject, expected: JsonObject): void {
    const problem = replyProblem(command, reply)
    // Printed only where it failed: a long list is not put into words for nothing.
    if (problem !== undefined) expect.fail(`${problem}, in ${JSON.stringify(reply).slice(0, 1_000)}`)
    const isPaged = command.cmd === 'LIST_RECORDS' || command.cmd === 'LIST_INSTANCES'
    if (isPaged && typeof reply.next === 'string' && typeof expected.next === 'string') {
      this.#cursors.push({ state: command.state as string, ofEngine: reply.next, ofModel: expected.next })
      expect(comparable(command, { ...reply, next: expected.next })).toEqual(expected)
    } else {
      expect(comparable(command, reply)).toEqual(comparable(command, expected))
    }
    // A cursor belongs to the life of its state.
    if (command.cmd === 'DELETE_STATE' && reply.status === 'ok') this.#forget(command.state as string)
  }

  #forget(state: string): void {
    const kept = this.#cursors.filter((cursor) => cursor.state !== state)
    this.#cursors.splice(0, this.#cursors.length, ...kept)
  }

  #commandOf({ command, rows, cursor: index }: Step): { command: JsonObject; cursor: Cursor | undefined } {
    const { state, prefix = '', after } = command
    const own = (name: unknown): string => this.#prefix + (name as string)
    const ownOperation = (op: JsonObject): JsonObject =>
      op.check === undefined
        ? { ...op, state: own(op.state) }
        : { check: { ...(op.check as JsonObject), state: own((op.check as JsonObject).state) } }
    const named: JsonObject = {
      ...command,
      ...(state !== undefined && { state: own(state) }),
      ...(command.cmd === 'LIST_STATES' && { prefix: own(prefix), ...(after !== undefined && { after: own(after) }) }),
      ...(rows && { data: rowsOf(rows) }),
      ...(Array.isArray(command.ops) && { ops: (command.ops as JsonObject[]).map(ownOperation) }),
    }
    const ofState = index === undefined ? [] : this.#cursors.filter((cursor) => cursor.state === named.state)
    return { command: named, cursor: ofState[(index ?? 0) % (ofState.length || 1)] }
  }
}
