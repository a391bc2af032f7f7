// Replies as MessagePack, positional; see protocol/message-pack.ts.
import { type CommandName, longListOf } from '../protocol/commands.ts'
import { encodePacked, type PackedReply, packedRefusal, packedReply } from '../protocol/message-pack.ts'
import type { JsonValue } from '../protocol/value.ts'
import { type BodyWriter, mayBeCut, tooLong } from './body-writer.ts'
import type { Answer } from './task.ts'

/** `records` says whether the reader knows record structures. */
export function packedWriter(records: boolean): BodyWriter {
  return {
    whole(answers, _single, bytesMax) {
      const bytes = encodePacked(answers.map(packedOf), records)
      if (bytes.length <= bytesMax) return [bytes]
      return [encodePacked(cut(answers, records, bytesMax), records)]
    },
    open: arrayHeader,
    between: '',
    close: () => '',
    reply: (answer) => encodePacked(packedOf(answer), records),
    *longReply(answer, itemsPerPiece) {
      const field = longListOf(answer.command as CommandName) as string
      const items = answer.fields[field] as JsonValue[]
      // The list is the first field of its reply.
      const [, ...rest] = packedOf({ ...answer, fields: { ...answer.fields, [field]: [] } }) as JsonValue[]
      yield arrayHeader(rest.length + 1)
      yield arrayHeader(items.length)
      for (let start = 0; start < items.length; start += itemsPerPiece) {
        // Each piece brings its own record structures, which then hold up to the next.
        yield withoutHeader(encodePacked(items.slice(start, start + itemsPerPiece), records))
      }
      for (const value of rest) yield withoutHeader(encodePacked([value], records))
    },
  }
}

function packedOf({ command, refusal, fields, version }: Answer): PackedReply {
  if (refusal !== undefined || command === '') return packedRefusal(refusal as NonNullable<typeof refusal>)
  return packedReply(command, fields, version)
}

/** Replaces the replies that no longer fit, each by a refusal of its own. */
function cut(answers: readonly Answer[], records: boolean, bytesMax: number): PackedReply[] {
  let left = bytesMax
  return answers.map((answer) => {
    const packed = packedOf(answer)
    const bytes = encodePacked(packed, records).length
    if (bytes > left && mayBeCut(answer)) return packedOf(tooLong(answer, bytesMax))
    left -= bytes
    return packed
  })
}

function arrayHeader(length: number): Uint8Array {
  if (length < 16) return Uint8Array.of(0x90 | length)
  if (length < 0x10000) return Uint8Array.of(0xdc, length >> 8, length & 0xff)
  return Uint8Array.of(0xdd, length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff)
}

/** The items of an encoded array, as they stand in a longer one. */
function withoutHeader(array: Uint8Array): Uint8Array {
  const first = array[0] as number
  return array.subarray(first === 0xdc ? 3 : first === 0xdd ? 5 : 1)
}
