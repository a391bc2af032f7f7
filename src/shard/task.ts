// One request inside a shard: its commands, how far it has come, and the answers so far. A request is taken up in one
// batch, unless one of its commands is decided in steps; then it goes on in the batch in which the last step is taken.

import type { ShardCommand } from '../command/registry.ts'
import { type CommandName, commands, nameFieldOf } from '../protocol/commands.ts'
import { invalidRequest, readEnvelope, requestIdOf, tooManyCommands } from '../protocol/envelope.ts'
import type { Refusal } from '../protocol/errors.ts'
import { parseJson } from '../protocol/json.ts'
import type { MailboxEntry, Numbered, SlicedBody } from '../protocol/mailbox.ts'
import { decodeBody, readPositional } from '../protocol/message-pack.ts'
import { nameProblem } from '../protocol/names.ts'
import { SlicedRows } from '../protocol/rows.ts'
import { isSpread, readSpread } from '../protocol/spread.ts'
import type { TransactionStep } from '../protocol/transactions.ts'
import { argumentsProblem } from '../protocol/validate.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'

/** What a command came to: a refusal, or the fields of its reply. */
export interface Answer {
  /** Empty where the command was not known. */
  readonly command: ShardCommand | ''
  readonly refusal: Refusal | undefined
  /** The fields of the reply besides `status` and `version`. */
  readonly fields: JsonObject
  /** The state's version at that moment; undefined where there is no such state. */
  readonly version: number | undefined
  /** The caller's number, as a field to be echoed; empty if there was none. */
  readonly requestId: JsonObject
}

/** How the commands of a request came, and its replies leave. */
export type TaskCodec = 'values' | 'json' | 'msgpack' | 'msgpack-maps'

export interface Task {
  readonly id: number
  readonly codec: TaskCodec
  /** Of commands on several names, any of them: see `keyOf`. */
  readonly routingKey: string
  /** The name that each command is on, where there are several. */
  keys: readonly string[] | undefined
  /** Names among these that are none, or live elsewhere: commands on them are refused. */
  readonly problems: ReadonlyMap<string, Refusal> | undefined
  /** Present where commands on several names had to part. */
  part: Part | undefined
  /** Whether this came to every shard, at the same place of the router's order. */
  readonly isMarker: boolean
  commands: readonly JsonValue[]
  /** Whether the request was one command rather than an array of them: its reply has the same form. */
  readonly single: boolean
  /** The rows of a command that was too large to be parsed in one go. */
  readonly rows: SlicedRows | undefined
  /** Present for a write message that its client may send again. */
  readonly numbered: Numbered | undefined
  /** Present where this is a step of a transaction, and no command. */
  readonly step: TransactionStep | undefined
  /** One for each command decided so far. */
  readonly answers: Answer[]
  /** About how many bytes the commands came in; 0 where they were not encoded. */
  readonly bytes: number
  /** When it came, on the clock of all threads; of one that waited for a lock or a key, when its wait was over. */
  arrivedAt: number
}

/** One of several tasks that were one; see request-parts.ts. */
export interface Part {
  readonly whole: Whole
  /** Where each of its commands stood before. */
  indexes: readonly number[]
}

export interface Whole {
  readonly task: Task
  readonly parts: Task[]
  isAnswered: boolean
}

/** What lies in the mailbox: what the router sent, and parts that had to wait. */
export type Waiting = MailboxEntry | readonly [id: number, sentAs: 'part', routingKey: string, part: Task]

/** The name that the next command of a request is on. */
export function keyOf({ keys, answers, routingKey }: Task): string {
  return keys === undefined ? routingKey : (keys[answers.length] as string)
}

/** Takes up a request. A body that is no request at all is refused as a whole. */
export function taskOf(
  entry: MailboxEntry,
  commandsMax: number,
  owns: (name: string) => boolean,
  arrivedAt: number,
): Task | Refusal {
  const [, sentAs] = entry
  const decoded = decode(entry)
  if ('code' in decoded) return decoded
  const { value, codec, rows } = decoded
  if (isSpread(sentAs)) {
    const spread = Array.isArray(value) ? readSpread(value, commandsMax) : invalidRequest('the body must be an array')
    if ('code' in spread) return spread
    const { commands, keys } = spread
    return newTask(entry, codec, commands, { keys, problems: problemsOf(keys, owns), arrivedAt })
  }
  const single = !Array.isArray(value)
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) return invalidRequest('a message needs at least one command')
  if (list.length > commandsMax) return tooManyCommands(commandsMax)
  const step = sentAs === 'transaction' ? (value as object as TransactionStep) : undefined
  return newTask(entry, codec, list, { single, rows, step, arrivedAt })
}

/** Written out, so that all tasks have one shape, whose fields are found fast. */
function newTask(
  entry: MailboxEntry,
  codec: TaskCodec,
  commands: readonly JsonValue[],
  { keys, problems, single = false, rows, step, arrivedAt = 0 }: Partial<Task>,
): Task {
  const [id, sentAs, routingKey, , numbered] = entry
  return {
    id,
    codec,
    routingKey,
    keys,
    problems,
    part: undefined,
    isMarker: sentAs === 'marker',
    commands,
    single,
    rows,
    numbered,
    step,
    answers: [],
    bytes: bytesOf(entry),
    arrivedAt,
  }
}

function problemsOf(keys: readonly string[], owns: (name: string) => boolean): Task['problems'] {
  let problems: Map<string, Refusal> | undefined
  let last: string | undefined
  for (const key of keys) {
    if (key === last) continue
    last = key
    const problem =
      nameProblem(key, 'name') ?? (owns(key) ? undefined : `'${key}' is not on the shard of the routing key`)
    if (problem === undefined) continue
    problems ??= new Map()
    problems.set(key, invalidRequest(problem))
  }
  return problems
}

function bytesOf([, sentAs, , body]: MailboxEntry): number {
  if (typeof body === 'string') return body.length
  if (body instanceof Uint8Array) return body.byteLength
  return sentAs === 'sliced' ? (body as SlicedBody).slices.text.byteLength : 0
}

/** Whether a command changed something. */
export function hasWritten({ command, refusal: refused }: Answer): boolean {
  return refused === undefined && command !== '' && commands[command].writes
}

interface Decoded {
  readonly value: JsonValue
  readonly codec: TaskCodec
  readonly rows: SlicedRows | undefined
}

function decode([, sentAs, , body]: MailboxEntry): Decoded | Refusal {
  switch (sentAs) {
    case 'json':
    case 'json-spread': {
      const parsed = parseJson(body as string)
      return 'code' in parsed ? parsed : { value: parsed.value, codec: 'json', rows: undefined }
    }
    case 'sliced': {
      const { command, rowCount, slices } = body as SlicedBody
      return { value: command, codec: 'json', rows: new SlicedRows(rowCount, slices) }
    }
    case 'msgpack':
    case 'msgpack-spread':
    case 'msgpack-maps':
    case 'msgpack-maps-spread': {
      const value = decodeBody(body as Uint8Array)
      const codec = sentAs === 'msgpack' || sentAs === 'msgpack-spread' ? 'msgpack' : 'msgpack-maps'
      return 'code' in value ? value : { value, codec, rows: undefined }
    }
    case 'values':
    case 'transaction':
    case 'marker':
    case 'cut':
    case 'snapshot':
    case 'cancel':
    case 'drain':
    case 'watch':
    case 'unwatch':
      return { value: body as JsonValue, codec: 'values', rows: undefined }
  }
}

/** A command whose form is right: it can be decided. */
export interface CheckedCommand {
  readonly name: ShardCommand
  readonly args: JsonObject
  readonly requestId: JsonObject
}

/** Holds the next command of a request against the registry. */
export function nextCommand(task: Task): CheckedCommand | Refusal {
  const value = task.commands[task.answers.length] as JsonValue
  const misplaced = task.problems?.get(keyOf(task))
  if (misplaced !== undefined) return misplaced
  const checked = task.codec === 'values' || task.codec === 'json' ? readDocumented(value, task) : readPacked(value)
  if ('code' in checked) return checked
  const problem = argumentsProblem(checked.name, checked.args)
  if (problem !== undefined) return invalidRequest(problem)
  // A command whose rows came in slices was checked with an empty list in their place.
  if (task.rows === undefined) return checked
  return { ...checked, args: { ...checked.args, data: task.rows } as unknown as JsonObject }
}

const none: JsonObject = {}

function readDocumented(value: JsonValue, task: Task): CheckedCommand | Refusal {
  const envelope = readEnvelope(value)
  if ('code' in envelope) return envelope
  const { name, command } = envelope
  if (!isShardCommand(name, task.isMarker)) return misrouted(name)
  const field = nameFieldOf(name)
  if (field !== undefined && command[field] !== undefined && command[field] !== keyOf(task)) {
    return invalidRequest(`'${field}' is not the ${task.keys === undefined ? 'routing key' : 'name before it'}`)
  }
  return { name, args: command, requestId: command.request_id === undefined ? none : requestIdOf(command) }
}

function readPacked(value: JsonValue): CheckedCommand | Refusal {
  const command = readPositional(value)
  if ('code' in command) return command
  const { name, args } = command
  return isShardCommand(name, false) ? { name, args, requestId: none } : misrouted(name)
}

function isShardCommand(name: CommandName, isMarker: boolean): name is ShardCommand {
  return commands[name].routing === (isMarker ? 'shards' : 'state')
}

function misrouted(name: CommandName): Refusal {
  return invalidRequest(`${name} is not a command on one state or lock, so it needs an empty routing key`)
}
