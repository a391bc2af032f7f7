// What every reply has to look like, whichever command it answers: exactly the fields that the registry declares, with
// their types, and what the envelope adds. Used by session.ts and by the model's runner, on every reply they see.
import Type from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import {
  type CommandName,
  commandNames,
  declarationOf,
  findCommand,
  versionFieldOf,
} from '../../src/protocol/commands.ts'
import { type DetailsOf, type ErrorCode, isErrorCode, refusal } from '../../src/protocol/errors.ts'
import type { JsonObject } from '../../src/protocol/value.ts'

const requestId = Type.Optional(Type.Union([Type.String(), Type.Number()]))
const version = Type.Integer({ minimum: 0 })

function declaredReply(name: CommandName): Validator {
  const { reply } = declarationOf(name)
  const envelope = { status: Type.Literal('ok'), request_id: requestId }
  // A reply about one state says at which version of it.
  const field = versionFieldOf(name)
  const fields = { ...envelope, ...reply, ...(field !== undefined && { [field]: version }) }
  return Compile(Type.Object(fields, { additionalProperties: false }))
}

const declaredReplies = new Map(commandNames.map((name) => [name, declaredReply(name)]))

/** Says in which way `reply` is no documented reply to `command`, or undefined for a good one. */
export function replyProblem(command: JsonObject, reply: JsonObject): string | undefined {
  const echo = command.request_id
  const canEcho = typeof echo === 'number' || (typeof echo === 'string' && echo.length <= 255)
  if (reply.request_id !== (canEcho ? echo : undefined)) return 'the reply does not echo its request_id'
  return reply.status === 'ok' ? okProblem(command, reply) : errorProblem(reply)
}

function okProblem({ cmd }: JsonObject, reply: JsonObject): string | undefined {
  const name = typeof cmd === 'string' ? findCommand(cmd) : undefined
  if (name === undefined) return 'a command of no known name was answered with ok'
  const [first] = declaredReplies.get(name)?.Errors(reply) ?? []
  return first === undefined ? undefined : `${name} answers ${first.instancePath || 'a reply that'} ${first.message}`
}

function errorProblem({ status, code, message, request_id: _, ...details }: JsonObject): string | undefined {
  if (status !== 'error') return `status is ${JSON.stringify(status)}`
  if (!isErrorCode(code)) return `${JSON.stringify(code)} is no code of the table`
  const expected = refusal(code, details as unknown as DetailsOf<ErrorCode>).message
  if (message !== expected) return `the message is '${JSON.stringify(message)}', and its details make '${expected}'`
  // A detail that is missing shows where its words should stand.
  return /['(:] ?undefined|\[object|NaN/.test(expected) ? `the message is not whole: '${expected}'` : undefined
}
