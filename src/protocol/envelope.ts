// The envelope of a command in the documented form: its name, the state it names, the caller's number. It is all that
// anybody but the deciding shard looks at.
import { type CommandName, declarationOf, findCommand } from './commands.ts'
import { type Refusal, refusal } from './errors.ts'
import { isObject, type JsonObject, type JsonValue } from './value.ts'

export interface Envelope {
  readonly name: CommandName
  readonly command: JsonObject
}

/** Reads the envelope of one command; the arguments are checked by whoever decides it. */
export function readEnvelope(command: JsonValue | undefined): Envelope | Refusal {
  if (!isObject(command)) return invalidRequest('a command must be an object')
  if (command.request_id !== undefined && requestIdOf(command).request_id === undefined) {
    return invalidRequest("'request_id' must be a finite number, or a well-formed string of at most 255 characters")
  }
  if (typeof command.cmd !== 'string') return invalidRequest("'cmd' must be a string")
  const name = findCommand(command.cmd)
  return name === undefined ? refusal('UNKNOWN_COMMAND', { command: printable(command.cmd) }) : { name, command }
}

/** The caller's number as a field of the reply; empty if there is none, or none that can be echoed. */
export function requestIdOf(command: JsonValue | undefined): JsonObject {
  const id = isObject(command) ? command.request_id : undefined
  const echoed =
    (typeof id === 'string' && id.length <= 255 && id.isWellFormed()) || (typeof id === 'number' && Number.isFinite(id))
  return echoed ? { request_id: id } : {}
}

/** The refusal of a message with more commands than it may have. */
export function tooManyCommands(limit: number): Refusal {
  return refusal('LIMIT_EXCEEDED', { what: 'The number of commands in a message', limit })
}

/** For how many seconds a command with these arguments may have its caller wait. */
export function waitSecondsOf(name: CommandName, args: JsonObject): number {
  const { field, otherwise } = declarationOf(name).waits ?? { field: 'wait', otherwise: 0 }
  const seconds = args[field] ?? otherwise
  return typeof seconds === 'number' ? seconds : 0
}

/** Whether a command with these arguments may have its caller wait. */
export function mayWait(name: CommandName, args: JsonObject): boolean {
  return waitSecondsOf(name, args) > 0
}

/** The refusal of a command that may wait where others stand beside it, which would wait with it. */
export function waitsAlone(): Refusal {
  return invalidRequest('a command that waits must be the only one of its message')
}

export function invalidRequest(reason: string): Refusal {
  return refusal('INVALID_REQUEST', { reason })
}

/** A piece of a request as it may stand in a message: short, and without control characters. */
export function printable(text: string): string {
  const clean = text
    .slice(0, 101)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD')
  return clean.length <= 100 ? clean : `${clean.slice(0, 100).toWellFormed()}…`
}
