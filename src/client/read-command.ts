// Takes a command in its documented form apart, in the words of the server where it is not well formed: here a field that
// the codec would not carry can still be seen.
import type { CommandName } from '../protocol/commands.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import { checkEnvelope } from '../protocol/message.ts'
import { argumentsProblem } from '../protocol/validate.ts'
import { depthMax, type JsonObject, operationDepthMax, valueProblem } from '../protocol/value.ts'
import { errorOfRefusal } from './error.ts'

export interface ReadCommand {
  readonly name: CommandName
  readonly routingKey: string
  readonly args: JsonObject
}

const keysArePlain = "'idempotency_key' is for plain messages: this client sends writes again by itself"

/** Throws a `HoldfastError` if this is no command. */
export function readCommand(given: JsonObject): ReadCommand {
  const problem = valueProblem(given, (given.ops === undefined ? depthMax : operationDepthMax) + 1)
  if (problem !== undefined) throw errorOfRefusal(invalidRequest(problem))
  const checked = checkEnvelope(given)
  if ('refusal' in checked) throw errorOfRefusal(checked.refusal)
  const { name, routingKey, command } = checked
  const wrong = argumentsProblem(name, command)
  if (wrong !== undefined) throw errorOfRefusal(invalidRequest(wrong))
  if (command.idempotency_key !== undefined) throw errorOfRefusal(invalidRequest(keysArePlain))
  const { cmd: _, state: __, lock: ___, request_id: ____, ...args } = command
  return { name, routingKey, args }
}
