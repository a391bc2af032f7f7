// What a table, a keyspace and a machine have in common: the name of a state, and who runs its commands. A handle keeps
// nothing else, so any number of them may stand for the same state.
import type { CommandName } from '../protocol/commands.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import { nameProblem } from '../protocol/names.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Caller } from './caller.ts'
import { errorOfRefusal } from './error.ts'
import { type WriteCallOptions, withFence } from './fence.ts'

export abstract class StateHandle {
  readonly name: string
  readonly #caller: Caller

  /** Throws `INVALID_REQUEST` if this cannot be the name of a state. */
  constructor(caller: Caller, name: string) {
    const problem = nameProblem(name)
    if (problem !== undefined) throw errorOfRefusal(invalidRequest(problem))
    this.#caller = caller
    this.name = name
  }

  protected get caller(): Caller {
    return this.#caller
  }

  protected run<Result>(
    name: CommandName,
    args: JsonObject,
    read: (reply: JsonObject) => Result,
    options: WriteCallOptions | undefined,
  ): Promise<Result> {
    return this.#caller.run(name, this.name, withFence(name, args, options), read, options)
  }
}

// What methods make of replies. Functions of their own, so that a call does not have to make one.

export function nothing(_: JsonObject): void {}

export function whole(reply: JsonObject): JsonObject {
  return reply
}

export function deletedOf(reply: JsonObject): boolean {
  return reply.deleted as boolean
}
