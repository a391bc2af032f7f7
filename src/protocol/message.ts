// A plain message taken apart: its commands, each known to have a good envelope and ready to be sent to its shard.
// Small messages are taken apart where they arrive, large ones on the stateless pool: hence plain data in and out.
import { type CommandName, declarationOf, defaultStateOf, findCommand, nameFieldOf } from './commands.ts'
import { invalidRequest, mayWait, readEnvelope, requestIdOf, tooManyCommands, waitsAlone } from './envelope.ts'
import type { Refusal } from './errors.ts'
import { parseJson, textOf } from './json.ts'
import type { SlicedBody } from './mailbox.ts'
import { decodeBody, readPositional } from './message-pack.ts'
import { nameProblem } from './names.ts'
import { argumentsProblem } from './validate.ts'
import { depthMax, isObject, type JsonObject, type JsonValue, valueProblem } from './value.ts'

/** A command on its way to whoever runs it. */
export interface MessageCommand {
  readonly name: CommandName
  /** The name of the state or lock; empty for a command that is not on one. */
  readonly routingKey: string
  readonly requestId: JsonObject
  /** The whole command; only its envelope where a shard gets the body instead. */
  readonly command: JsonObject
  /** The lock of its fence, where it is a write that can be an operation of a transaction; `command` is whole then. */
  readonly fencedBy?: string | undefined
  /** What the shard of the routing key is sent: the command as text, or with its rows in slices. */
  readonly body: string | SlicedBody
  /** About how much memory the body takes. */
  readonly bytes: number
}

export interface RefusedCommand {
  readonly refusal: Refusal
  readonly requestId: JsonObject
}

export type MessageElement = MessageCommand | RefusedCommand

export interface Message {
  /** Whether the message was an array: the reply is one then, too. */
  readonly isArray: boolean
  readonly elements: readonly MessageElement[]
}

export interface MessageOptions {
  readonly commandsMax: number
  /** Whether long lists of rows are cut into slices, which a shard parses one at a time. */
  readonly sliceRows: boolean
}

/** Rows above this number travel in slices, if at all asked for. */
const rowsWholeMax = 1_000
const rowsPerSlice = 256

/** Takes a message apart, or refuses it as a whole. */
export function readMessage(frame: Buffer, options: MessageOptions): Message | Refusal {
  const text = textOf(frame)
  if (typeof text !== 'string') return text
  const parsed = parseJson(text)
  if ('code' in parsed) return parsed
  const { value } = parsed
  if (!Array.isArray(value)) return { isArray: false, elements: [elementOf(value, text, options)] }
  if (value.length === 0) return invalidRequest('a message needs at least one command')
  if (value.length > options.commandsMax) return tooManyCommands(options.commandsMax)
  const isAlone = value.length === 1
  const elements = value.map((command) => {
    return !isAlone && isObject(command) && mayHaveToWait(command)
      ? refuseToWait(command)
      : elementOf(command, undefined, options)
  })
  return { isArray: true, elements }
}

function mayHaveToWait(command: JsonObject): boolean {
  const name = typeof command.cmd === 'string' ? findCommand(command.cmd) : undefined
  return name !== undefined && mayWait(name, command)
}

/** A command that waits, where others stand beside it. */
export function refuseToWait(command: JsonObject): RefusedCommand {
  return { refusal: waitsAlone(), requestId: requestIdOf(command) }
}

/** One command, ready to be sent; `text` is its text where there is one already. */
export function elementOf(value: JsonValue, text: string | undefined, { sliceRows }: MessageOptions): MessageElement {
  const checked = checkEnvelope(value)
  if ('refusal' in checked || checked.routingKey === '') return checked
  const { data, ...rest } = checked.command
  const isLong = sliceRows && Array.isArray(data) && data.length > rowsWholeMax
  if (text === undefined || isLong) {
    // Text is about to be made of it, which ends in an exception for values that are nested without end.
    const problem = valueProblem(checked.command, depthMax + 1)
    if (problem !== undefined) return { refusal: invalidRequest(problem), requestId: checked.requestId }
  }
  if (isLong) return { ...checked, command: {}, fencedBy: undefined, ...slicedBody(rest, data) }
  const body = text ?? JSON.stringify(value)
  const command = checked.fencedBy === undefined ? {} : checked.command
  return { ...checked, command, body, bytes: body.length }
}

/**
 * The one command of a large routed body, if it is one with a long list, which then travels in slices; undefined for any
 * other body, which its shard can read whole.
 */
export function readLongBody(body: Buffer, isPacked: boolean, routingKey: string): MessageElement | undefined {
  const command = isPacked ? onlyPacked(body) : onlyDocumented(body)
  if (command === undefined || !Array.isArray(command.data) || command.data.length <= rowsWholeMax) return undefined
  if (command.state !== undefined && command.state !== routingKey) return undefined
  return elementOf({ ...command, state: routingKey }, undefined, { commandsMax: 1, sliceRows: true })
}

function onlyPacked(body: Buffer): JsonObject | undefined {
  const values = decodeBody(body)
  if ('code' in values || values.length !== 1) return undefined
  const command = readPositional(values[0] as JsonValue)
  return 'code' in command ? undefined : { cmd: command.name, ...command.args }
}

function onlyDocumented(body: Buffer): JsonObject | undefined {
  const text = textOf(body)
  const parsed = typeof text === 'string' ? parseJson(text) : text
  if ('code' in parsed || !Array.isArray(parsed.value) || parsed.value.length !== 1) return undefined
  const [command] = parsed.value
  return isObject(command) ? command : undefined
}

/** Looks at all that the router has to know of a command; of one that it runs, or every shard, at all of it. */
export function checkEnvelope(value: JsonValue): MessageElement {
  const requestId = requestIdOf(value)
  const envelope = readEnvelope(value)
  if ('code' in envelope) return { refusal: envelope, requestId }
  const { name, command } = envelope
  const field = nameFieldOf(name)
  if (field !== undefined) {
    const on = command[field] === undefined ? defaultStateOf(name) : command[field]
    const problem = on === undefined ? `${name} needs '${field}'` : nameProblem(on, field)
    if (problem !== undefined) return { refusal: invalidRequest(problem), requestId }
    return { name, routingKey: on as string, requestId, command, fencedBy: fenceIn(name, command), body: '', bytes: 0 }
  }
  const problem = argumentsProblem(name, command)
  if (problem !== undefined) return { refusal: invalidRequest(problem), requestId }
  return { name, routingKey: '', requestId, command, fencedBy: undefined, body: '', bytes: 0 }
}

/** Whether the fence is well formed is found out by who looks at it. */
function fenceIn(name: CommandName, command: JsonObject): string | undefined {
  const { fence } = command
  if (fence === undefined || declarationOf(name).transactional !== true) return undefined
  // What waits is one shard's.
  if (mayWait(name, command) || !isObject(fence)) return undefined
  return typeof fence.lock === 'string' ? fence.lock : undefined
}

function slicedBody(command: JsonObject, rows: readonly JsonValue[]): { body: SlicedBody; bytes: number } {
  const texts: string[] = []
  for (let start = 0; start < rows.length; start += rowsPerSlice) {
    texts.push(JSON.stringify(rows.slice(start, start + rowsPerSlice)))
  }
  const text = new Uint8Array(texts.reduce((sum, slice) => sum + Buffer.byteLength(slice), 0))
  const encoder = new TextEncoder()
  let end = 0
  const ends = texts.map((slice) => {
    end += encoder.encodeInto(slice, text.subarray(end)).written
    return end
  })
  return { body: { command: { ...command, data: [] }, rowCount: rows.length, slices: { text, ends } }, bytes: end }
}
