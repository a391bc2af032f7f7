// What a shard was doing when it died, so that somebody can find the command that ends it. Made after the death, of what
// its shared memory points at and of the requests that it had not answered: a living shard pays two stores a command.
// Values never come out: a command is known by its name, its state and a keyed hash of the rest.
import { createHmac, randomBytes } from 'node:crypto'
import type { CommandName } from '../protocol/commands.ts'
import { readEnvelope } from '../protocol/envelope.ts'
import { parseJson } from '../protocol/json.ts'
import { progressSlot, type RequestBody, type SlicedBody } from '../protocol/mailbox.ts'
import { decodeBody, readPositional } from '../protocol/message-pack.ts'
import { isSpread, readSpread } from '../protocol/spread.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Mailbox, ShardRequest } from './mailbox.ts'

/** A type and not an interface, so that it is JSON as it stands. */
export type LastCommand = {
  /** Null where the body was too long to be read for it. */
  cmd: CommandName | null
  /** Null for a command on all states. */
  state: string | null
  /** The same for the same command with the same values, as long as this process lives. */
  hash: string
}

/** With a key that nobody knows, no table of likely values leads back from a hash. */
const hashKey = randomBytes(32)
/** Beyond this, reading a body would keep the router's thread from all other shards. */
const readBytesMax = 1024 * 1024

/** Undefined where the shard was at nothing that somebody had asked for, or had answered it. */
export function lastCommandOf(mailbox: Mailbox, progress: Int32Array): LastCommand | undefined {
  const entry = Atomics.load(progress, progressSlot.entry)
  const request = entry === 0 ? undefined : mailbox.pendingRequest(entry)
  if (request === undefined) return undefined
  const command = commandAt(request, Atomics.load(progress, progressSlot.command))
  const routingKey = command?.on ?? request.routingKey
  const state = routingKey === '' || (command === undefined && isSpread(request.sentAs)) ? null : routingKey
  if (command === undefined) return { cmd: null, state, hash: hashOf(request.body) }
  return { cmd: command.name, state, hash: hashOf(command.args) }
}

function commandAt({ sentAs, body, bytes }: ShardRequest, index: number): NamedCommand | undefined {
  if (bytes > readBytesMax && sentAs !== 'sliced') return undefined
  switch (sentAs) {
    case 'json': {
      const parsed = parseJson(body as string)
      return 'code' in parsed ? undefined : documented(at(parsed.value, index))
    }
    case 'msgpack':
    case 'msgpack-maps': {
      const values = decodeBody(body as Uint8Array)
      return 'code' in values ? undefined : packed(values[index])
    }
    case 'json-spread': {
      const parsed = parseJson(body as string)
      return 'code' in parsed ? undefined : spreadAt(parsed.value, index, documented)
    }
    case 'msgpack-spread':
    case 'msgpack-maps-spread': {
      const values = decodeBody(body as Uint8Array)
      return 'code' in values ? undefined : spreadAt(values, index, packed)
    }
    case 'sliced':
      return documented((body as SlicedBody).command)
    case 'transaction': {
      const { operations } = body as { operations?: JsonValue }
      return operations === undefined ? undefined : { name: 'TRANSACTION', args: { operations } }
    }
    default:
      return documented(at(body as JsonValue, index))
  }
}

interface NamedCommand {
  readonly name: CommandName
  readonly args: JsonObject
  /** The name that it is on, where its message is on several. */
  readonly on?: string | undefined
}

function spreadAt(
  body: JsonValue,
  index: number,
  read: (value: JsonValue | undefined) => NamedCommand | undefined,
): NamedCommand | undefined {
  const spread = Array.isArray(body) ? readSpread(body, Number.POSITIVE_INFINITY) : undefined
  if (spread === undefined || 'code' in spread) return undefined
  const command = read(spread.commands[index])
  return command && { ...command, on: spread.keys[index] }
}

function packed(value: JsonValue | undefined): NamedCommand | undefined {
  const command = readPositional(value ?? null)
  return 'code' in command ? undefined : command
}

function documented(value: JsonValue | undefined): NamedCommand | undefined {
  const envelope = readEnvelope(value)
  if ('code' in envelope) return undefined
  // The name and the state are told beside the hash, and the caller's number is another one at every try.
  const { cmd: _, state: __, request_id: ___, ...args } = envelope.command
  return { name: envelope.name, args }
}

function at(value: JsonValue, index: number): JsonValue | undefined {
  return Array.isArray(value) ? value[index] : value
}

function hashOf(body: RequestBody): string {
  const data = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  return createHmac('sha256', hashKey).update(data).digest('hex').slice(0, 16)
}
