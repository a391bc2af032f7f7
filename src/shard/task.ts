// One request inside a shard: its commands, how far it has come, and the replies so far. A request is taken up in one
// batch, unless one of its commands is decided in steps; then it goes on in the batch in which the last step is taken.

import type { ShardCommand } from '../command/registry.ts'
import { type CommandName, commands } from '../protocol/commands.ts'
import { invalidRequest, readEnvelope } from '../protocol/envelope.ts'
import { type Refusal, refusal } from '../protocol/errors.ts'
import { parseJson } from '../protocol/json.ts'
import type { MailboxEntry, RequestBody, SlicedBody } from '../protocol/mailbox.ts'
import { SlicedRows } from '../protocol/rows.ts'
import { argumentsProblem } from '../protocol/validate.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'

export interface Answer {
  /** Empty where the command was not known. */
  readonly command: string
  /** `ok`, or the code of the refusal. */
  readonly outcome: string
  readonly reply: JsonObject
}

export interface Task {
  readonly id: number
  readonly encoded: boolean
  readonly routingKey: string
  readonly commands: readonly JsonValue[]
  /** Whether the request was one command rather than an array of them: its reply has the same form. */
  readonly single: boolean
  /** The rows of a command that was too large to be parsed in one go. */
  readonly rows: SlicedRows | undefined
  /** One for each command decided so far. */
  readonly answers: Answer[]
}

/** Takes up a request. A body that is no request at all is refused as a whole. */
export function taskOf(entry: MailboxEntry, commandsMax: number): Task | Refusal {
  const [id, codec, routingKey, body] = entry
  const encoded = codec === 'json' || codec === 'sliced'
  const decoded = codec === 'json' ? parseJson(body as string) : { value: valueOf(codec, body) }
  if ('code' in decoded) return decoded
  const { value } = decoded
  const single = !Array.isArray(value)
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) return invalidRequest('a message needs at least one command')
  if (list.length > commandsMax) {
    return refusal('LIMIT_EXCEEDED', { what: 'The number of commands in a message', limit: commandsMax })
  }
  const rows =
    codec === 'sliced' ? new SlicedRows((body as SlicedBody).rowCount, (body as SlicedBody).slices) : undefined
  return { id, encoded, routingKey, commands: list, single, rows, answers: [] }
}

function valueOf(codec: MailboxEntry[1], body: RequestBody): JsonValue {
  return codec === 'sliced' ? (body as SlicedBody).command : (body as JsonValue)
}

/** A command whose form is right: it can be decided. */
export interface CheckedCommand {
  readonly name: ShardCommand
  readonly args: JsonObject
}

/** Holds one command of a request against the registry. */
export function checkCommand(value: JsonValue, routingKey: string, marker: boolean): CheckedCommand | Refusal {
  const envelope = readEnvelope(value)
  if ('code' in envelope) return envelope
  const { name, command } = envelope
  if (!isShardCommand(name) || (commands[name].routing === 'shards') !== marker) {
    return invalidRequest(`${name} is not a command on one state, so it needs an empty routing key`)
  }
  if (!marker && command.state !== undefined && command.state !== routingKey) {
    return invalidRequest("'state' is not the routing key")
  }
  const problem = argumentsProblem(name, command)
  return problem === undefined ? { name, args: command } : invalidRequest(problem)
}

function isShardCommand(name: CommandName): name is ShardCommand {
  return commands[name].routing !== 'router'
}
