// Cuts a stream of bytes into chunks of whole lines, or of whole records of CSV, that threads can parse on their own.
// Invariant: where a chunk ends depends only on the bytes and on where the first one began, so that an import that goes on
// at the end of a chunk meets the same chunks again. Holds a chunk and one line at most, however long a line is.
import { RecordEnds } from './csv.ts'

export interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where it ends in the file, of a compressed file after it was expanded. */
  readonly end: number
  /** The number of its first line, from 1; and of the line behind it. */
  readonly firstLine: number
  readonly nextLine: number
  /** The number of a line in front of it that was too long to be held. */
  readonly overlong?: number
}

export interface ChunkOptions {
  readonly format: 'jsonl' | 'csv'
  readonly delimiter: string
  /** Where the stream begins in the file, and the number of the line there. */
  readonly offset: number
  readonly line: number
  /** Beyond so many bytes a chunk ends with the line. */
  readonly chunkBytes: number
  readonly lineBytesMax: number
  /** Whether the first record is a chunk of its own. */
  readonly headAlone: boolean
}

/** The lines of JSON, found in the way of RecordEnds. */
class LineEnds {
  lines = 0

  next(bytes: Uint8Array, from: number): number {
    const found = bytes.indexOf(0x0a, from)
    if (found < 0) return -1
    this.lines += 1
    return found + 1
  }
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

export async function* chunksOf(
  source: AsyncIterable<Buffer>,
  options: ChunkOptions,
): AsyncGenerator<Chunk, void, void> {
  const cutter = new Cutter(options)
  for await (const buffer of options.offset === 0 ? withoutMark(source, cutter) : source) yield* cutter.take(buffer)
  yield* cutter.end()
}

/** The byte-order mark that some programs begin a file with is no part of its first line. */
async function* withoutMark(source: AsyncIterable<Buffer>, cutter: Cutter): AsyncGenerator<Buffer, void, void> {
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const buffer of source) {
    if (head === undefined) yield buffer
    else {
      head = Buffer.concat([head, buffer])
      if (head.length < byteOrderMark.length) continue
      yield cutter.skipMark(head)
      head = undefined
    }
  }
  if (head !== undefined) yield head
}

class Cutter {
  readonly #options: ChunkOptions
  readonly #ends: LineEnds | RecordEnds
  /** What belongs to the chunk, the record that is being read included. */
  #parts: Uint8Array[] = []
  #bytes = 0
  #recordBytes = 0
  #position: number
  #line: number
  /** Where the record that is being read begins. */
  #recordLine: number
  #isSkipping = false
  #overlong: number | undefined
  #isHead: boolean

  constructor(options: ChunkOptions) {
    this.#options = options
    this.#ends = options.format === 'csv' ? new RecordEnds(options.delimiter) : new LineEnds()
    this.#position = options.offset
    this.#line = options.line
    this.#recordLine = options.line
    this.#isHead = options.headAlone
  }

  skipMark(buffer: Buffer): Buffer {
    if (!buffer.subarray(0, byteOrderMark.length).equals(byteOrderMark)) return buffer
    this.#position += byteOrderMark.length
    return buffer.subarray(byteOrderMark.length)
  }

  /** The number of the line that begins where the bytes end that were taken. */
  get #nextLine(): number {
    return this.#options.line + this.#ends.lines
  }

  *take(buffer: Buffer): Generator<Chunk, void, void> {
    let at = 0
    while (at < buffer.length) {
      const end = this.#ends.next(buffer, at)
      const stop = end < 0 ? buffer.length : end
      this.#add(buffer.subarray(at, stop))
      at = stop
      if (this.#isSkipping || this.#recordBytes > this.#options.lineBytesMax) yield* this.#skip(end >= 0)
      else if (end >= 0) {
        this.#recordBytes = 0
        this.#recordLine = this.#nextLine
        if (this.#isHead || this.#bytes >= this.#options.chunkBytes) yield this.#cut()
      }
    }
  }

  /** What is left may end without a newline. */
  *end(): Generator<Chunk, void, void> {
    if (this.#recordBytes > 0) this.#ends.lines += 1
    if (this.#isSkipping) yield* this.#skip(true)
    if (this.#bytes > 0 || this.#overlong !== undefined) yield this.#cut()
  }

  #add(part: Uint8Array): void {
    this.#position += part.length
    this.#recordBytes += part.length
    if (this.#isSkipping) return
    // Small pieces of one buffer that lie side by side are one piece.
    const last = this.#parts.at(-1)
    if (last !== undefined && last.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset) {
      this.#parts[this.#parts.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + part.length)
    } else this.#parts.push(part)
    this.#bytes += part.length
  }

  /** Drops the record that is too long, and everything of it that is still to come. */
  *#skip(isOver: boolean): Generator<Chunk, void, void> {
    if (!this.#isSkipping) {
      const whole = this.#join(this.#bytes - this.#recordBytes)
      this.#parts = [whole]
      this.#bytes = whole.length
      if (this.#bytes > 0) yield this.#cut(this.#position - this.#recordBytes, this.#recordLine)
      this.#overlong = this.#recordLine
      this.#isSkipping = true
      this.#parts = []
      this.#bytes = 0
    }
    if (!isOver) return
    this.#isSkipping = false
    this.#recordBytes = 0
    this.#recordLine = this.#nextLine
    yield this.#cut()
  }

  #cut(end = this.#position, nextLine = this.#nextLine): Chunk {
    const chunk = {
      bytes: this.#join(this.#bytes),
      end,
      firstLine: this.#line,
      nextLine,
      ...(this.#overlong !== undefined && { overlong: this.#overlong }),
    }
    this.#line = nextLine
    this.#parts = []
    this.#bytes = 0
    this.#overlong = undefined
    this.#isHead = false
    return chunk
  }

  /** In memory of its own, that can be handed to another thread. */
  #join(bytes: number): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(bytes)
    let at = 0
    for (const part of this.#parts) {
      const room = part.subarray(0, Math.max(0, bytes - at))
      joined.set(room, at)
      at += room.length
    }
    return joined
  }
}
