// Codec 2: MessagePack with record structures, for those who send many commands. A command is `[opcode, arguments]` with
// the required arguments in the registry's order, and `[opcode, arguments, options]` with a map of the optional ones
// where there are any. A reply is the array of the reply's fields in the registry's order, the state's version, and a
// map of the optional fields where there are any; a refusal is an extension with `[code, message, details]`.
// Every body carries the record structures that it uses, so it can be decoded alone.
// Not from 'msgpackr': its native reader of strings keeps the memory of whole messages for each string that is stored.
import { addExtension, Packr } from 'msgpackr/pack'
import Type, { type TSchema } from 'typebox'
import type { Codec, CodecCommand } from './codec.ts'
import { type CommandName, commandNames, declarationOf, versionFieldOf } from './commands.ts'
import { invalidRequest } from './envelope.ts'
import type { Refusal } from './errors.ts'
import { spreadOf } from './spread.ts'
import { argumentTypesOf } from './validate.ts'
import { isObject, type JsonObject, type JsonValue } from './value.ts'

/** The extension type of refusals. */
export const refusalExtension = 0x45

class PackedRefusal {
  readonly parts: JsonValue[]

  constructor(parts: JsonValue[]) {
    this.parts = parts
  }
}

/** The contents of a refusal are a message of their own, with maps, as the extensions of MessagePack are meant. */
const refusalPackr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true })

addExtension({
  Class: PackedRefusal,
  type: refusalExtension,
  pack: (refusal: PackedRefusal) => refusalPackr.pack(refusal.parts),
  unpack: (bytes: Uint8Array) => new PackedRefusal(refusalPackr.unpack(bytes) as JsonValue[]),
})

const withRecords = new Packr({ useRecords: true, mapsAsObjects: true })
/** For clients in languages whose library knows maps, but not records. Both sorts are always understood. */
const withMaps = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true })

/** The order of a command's arguments and of its reply's fields. */
interface Layout {
  readonly name: CommandName
  readonly opcode: number
  readonly required: readonly string[]
  readonly optional: readonly string[]
  readonly reply: readonly string[]
  readonly optionalReply: readonly string[]
  readonly versionField: string | undefined
}

function layoutOf(name: CommandName): Layout {
  const { opcode, reply } = declarationOf(name)
  const args = argumentTypesOf(name)
  const split = (fields: Readonly<Record<string, TSchema>>, optional: boolean): string[] =>
    Object.keys(fields).filter((field) => Type.IsOptional(fields[field]) === optional)
  return {
    name,
    opcode,
    required: split(args, false),
    optional: split(args, true),
    reply: split(reply, false),
    optionalReply: split(reply, true),
    versionField: versionFieldOf(name),
  }
}

const layouts = new Map(commandNames.map((name) => [name, layoutOf(name)]))
const layoutsByOpcode: Layout[] = []
for (const layout of layouts.values()) layoutsByOpcode[layout.opcode] = layout

export function layoutFor(name: CommandName): Layout {
  return layouts.get(name) as Layout
}

/** A body as it came: an array of something, or a refusal of the whole of it. */
export function decodeBody(body: Uint8Array): JsonValue[] | Refusal {
  let value: unknown
  try {
    value = withRecords.unpack(body)
  } catch {
    return invalidRequest('the body is not MessagePack')
  }
  if (!Array.isArray(value)) return invalidRequest('the body must be an array of commands')
  // The decoder renames a field `__proto__` without a word; the bytes tell that one was there.
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (bytes.includes('__proto__') && hasRenamedField(value)) {
    return invalidRequest("the field name '__proto__' is not allowed")
  }
  return value as JsonValue[]
}

function hasRenamedField(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasRenamedField)
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).some(([field, item]) => field === '__proto_' || hasRenamedField(item))
  )
}

/** One command of a body: its name and its arguments by name. Whether these are good is checked as for any command. */
export function readPositional(value: JsonValue): CodecCommand | Refusal {
  if (!Array.isArray(value)) return invalidRequest('a command must be an array [opcode, arguments, options?]')
  const [opcode, positional, options] = value
  const layout = typeof opcode === 'number' ? layoutsByOpcode[opcode] : undefined
  if (layout === undefined) return invalidRequest('no command has this opcode')
  const { name, required, optional } = layout
  if (!Array.isArray(positional) || positional.length !== required.length || value.length > 3) {
    return invalidRequest(`${name} takes [opcode, arguments, options?] with ${required.length} arguments`)
  }
  const args: JsonObject = {}
  for (let index = 0; index < required.length; index += 1) {
    args[required[index] as string] = positional[index] as JsonValue
  }
  if (options !== undefined) {
    if (!isObject(options)) return invalidRequest(`the options of ${name} must be a map`)
    for (const field in options) {
      if (!optional.includes(field)) return invalidRequest(`${name} has no such option`)
      args[field] = options[field] as JsonValue
    }
  }
  return { name, args }
}

/** A reply on the wire: positional fields, or a refusal. */
export type PackedReply = JsonValue[] | PackedRefusal

/** A documented reply as codec 2 has it. */
export function packDocumented(name: CommandName | '', reply: JsonObject): PackedReply {
  const { status, request_id: _, ...fields } = reply
  if (status !== 'ok' || name === '') {
    const { code, message, ...details } = fields
    return new PackedRefusal([code ?? '', message ?? '', details])
  }
  const { versionField } = layoutFor(name)
  const version = versionField === undefined ? undefined : fields[versionField]
  return packedReply(name, fields, typeof version === 'number' ? version : undefined)
}

/** `fields` are those of the documented reply; `version` is that of the state. */
export function packedReply(name: CommandName, fields: JsonObject, version: number | undefined): PackedReply {
  const { reply, optionalReply, versionField } = layoutFor(name)
  const packed: JsonValue[] = []
  for (let index = 0; index < reply.length; index += 1) packed.push(fields[reply[index] as string] as JsonValue)
  if (versionField !== undefined) packed.push(version ?? 0)
  let extra: JsonObject | undefined
  for (const field of optionalReply) {
    if (fields[field] === undefined) continue
    extra ??= {}
    extra[field] = fields[field]
  }
  if (extra !== undefined) packed.push(extra)
  return packed
}

export function packedRefusal({ code, message, details }: Refusal): PackedReply {
  return new PackedRefusal([code, message, details])
}

/** Encodes replies, or a part of one; `records` whether the reader knows record structures. The result owns its bytes. */
export function encodePacked(value: PackedReply | PackedReply[] | JsonValue[], records: boolean): Uint8Array {
  // The packer hands out a view of a buffer that it goes on using.
  return new Uint8Array((records ? withRecords : withMaps).pack(value))
}

function documented(name: CommandName, packed: unknown): JsonObject {
  if (packed instanceof PackedRefusal) {
    const [code, message, details] = packed.parts as [string, string, JsonObject]
    return { status: 'error', code, message, ...details }
  }
  if (!Array.isArray(packed)) throw new Error('a reply is neither an array nor a refusal')
  const { reply, versionField } = layoutFor(name)
  const full: JsonObject = { status: 'ok' }
  let index = 0
  for (const field of reply) {
    full[field] = packed[index] as JsonValue
    index += 1
  }
  if (versionField !== undefined) {
    full[versionField] = packed[index] as JsonValue
    index += 1
  }
  return packed.length > index ? { ...full, ...(packed[index] as JsonObject) } : full
}

export const messagePackCodec: Codec = {
  number: 2,
  name: 'msgpack',
  encodeCommands(commands) {
    return withRecords.pack(commands.map(positional))
  },
  encodeSpread(commands) {
    return withRecords.pack(spreadOf(commands, positional))
  },
  decodeReplies(body, commands) {
    const replies: unknown = withRecords.unpack(body)
    if (!Array.isArray(replies) || replies.length !== commands.length) throw new Error('the body is not the replies')
    return replies.map((reply: unknown, index) => documented((commands[index] as CodecCommand).name, reply))
  },
}

function positional({ name, args }: CodecCommand): JsonValue[] {
  const { opcode, required, optional } = layoutFor(name)
  const values: JsonValue[] = []
  for (let index = 0; index < required.length; index += 1) values.push(args[required[index] as string] as JsonValue)
  if (optional.length === 0) return [opcode, values]
  const options: JsonObject = {}
  for (const field of optional) if (args[field] !== undefined) options[field] = args[field]
  return Object.keys(options).length === 0 ? [opcode, values] : [opcode, values, options]
}
