// MessagePack bodies whose commands do not go to a shard as they are: those for the router, and those in slices. They
// are run in their documented form, and the replies are packed here.
import { invalidRequest, mayWait, tooManyCommands } from '../protocol/envelope.ts'
import type { Refusal } from '../protocol/errors.ts'
import type { Numbered, ReplyBody } from '../protocol/mailbox.ts'
import { checkEnvelope, type MessageElement, refuseToWait } from '../protocol/message.ts'
import { decodeBody, encodePacked, type PackedReply, packDocumented, readPositional } from '../protocol/message-pack.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Router } from '../router/router.ts'
import type { RoutedCodec } from './incoming.ts'

export type PackedCodec = Exclude<RoutedCodec, 'json'>

/** Runs the commands of a body without a routing key; `respond` gets the encoded replies, or what is wrong with it. */
export function runPackedForRouter(
  router: Router,
  body: Buffer,
  sentAs: PackedCodec,
  commandsMax: number,
  respond: (reply: Uint8Array | Refusal) => void,
): void {
  const values = decodeBody(body)
  if ('code' in values) return respond(values)
  if (values.length === 0) return respond(invalidRequest('a message needs at least one command'))
  if (values.length > commandsMax) return respond(tooManyCommands(commandsMax))
  const elements = values.map((value): MessageElement => {
    const command = readPositional(value)
    if ('code' in command) return { refusal: command, requestId: {} }
    if (values.length > 1 && mayWait(command.name, command.args)) return refuseToWait(command.args)
    return checkEnvelope({ cmd: command.name, ...command.args })
  })
  router.runAll(elements, 'json', (replies) => {
    respond(
      encode(
        replies.map((reply, index) => packed(elements[index] as MessageElement, reply)),
        sentAs,
      ),
    )
  })
}

/** Runs the only command of a body. */
export function runPackedElement(
  router: Router,
  element: MessageElement,
  sentAs: PackedCodec,
  numbered: Numbered | undefined,
  respond: (reply: Uint8Array) => void,
): void {
  const answer = (reply: ReplyBody): void => respond(encode([packed(element, reply)], sentAs))
  router.run(element, 'json', answer, undefined, numbered)
}

function encode(replies: PackedReply[], sentAs: PackedCodec): Uint8Array {
  return encodePacked(replies, sentAs === 'msgpack')
}

function packed(element: MessageElement, reply: ReplyBody): PackedReply {
  const documented = typeof reply === 'string' ? (JSON.parse(reply) as JsonObject) : (reply as JsonObject)
  return packDocumented('name' in element ? element.name : '', documented)
}
