// The anchor: a small file beside a database that holds the number of the last commit known to be on the disk, so that a
// database whose newest commits are missing is noticed.
// Invariant: it lags and never leads. It is written after the barrier, never before: were it ahead of the database, a
// power cut that `relaxed` permits would look like a loss, and a healthy shard would refuse to serve.
import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

/** Each slot lies in a sector of its own: a write that is cut short leaves the other one whole. */
const slotBytes = 512
const slotCount = 2
const numberBytes = 8

export class Anchor {
  readonly #file: number
  readonly #slot = Buffer.alloc(slotBytes)
  #next = 0

  constructor(path: string) {
    this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
    if (fstatSync(this.#file).size < slotBytes * slotCount) writeSync(this.#file, Buffer.alloc(slotBytes * slotCount))
  }

  /** Fails silently where the disk is full: a number that lags is as good as it was. */
  write(number: number): void {
    this.#slot.writeBigUInt64LE(BigInt(number))
    this.#slot.writeUInt32LE(crc32(this.#slot.subarray(0, numberBytes)), numberBytes)
    try {
      writeSync(this.#file, this.#slot, 0, slotBytes, this.#next * slotBytes)
    } catch {
      return
    }
    this.#next = (this.#next + 1) % slotCount
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** The anchor of a database stands beside it. */
export function anchorFileOf(file: string): string {
  return file.replace(/(\.db)?$/, '.anchor')
}

/** What an anchor says. */
export interface Anchored {
  /** The highest number of its intact slots; 0 if there is none. */
  readonly number: number
  /** Whether neither slot is intact, though something was written. One of them may be cut short by a power cut. */
  readonly isDamaged: boolean
}

export function readAnchor(path: string): Anchored {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { number: 0, isDamaged: false }
    throw error
  }
  const numbers: number[] = []
  for (let start = 0; start < slotBytes * slotCount; start += slotBytes) {
    const slot = bytes.subarray(start, start + slotBytes)
    if (slot.length < slotBytes || slot.readUInt32LE(numberBytes) !== crc32(slot.subarray(0, numberBytes))) continue
    numbers.push(Number(slot.readBigUInt64LE()))
  }
  // An anchor that was just made holds zeros.
  return { number: Math.max(0, ...numbers), isDamaged: numbers.length === 0 && bytes.some((byte) => byte !== 0) }
}
