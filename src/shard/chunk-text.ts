// Chunks of snapshots: lines of JSON, the first of a state about the state, the others its rows, cut where they pass a size
// and compressed. Used by the parts of snapshots that write and read them.
import { gunzipSync, gzip } from 'node:zlib'

/** So much text is decompressed and parsed in one slice. */
export const chunkTextMax = 128 * 1024
/** Below this the head of a compressed text costs more than is won. */
const plainBytesMax = 512
const plain = 0
const zipped = 1
/** By measure on rows of snapshots: level 1 compresses twice as fast as 6, to a tenth more. */
const level = 1

/** Compresses outside of the thread that calls it. */
export type Compress = (bytes: Uint8Array) => Promise<Uint8Array>

export const compressInBackground: Compress = (bytes) =>
  new Promise((resolve, reject) => {
    gzip(bytes, { level }, (error, result) => (error === null ? resolve(result) : reject(error)))
  })

export function chunkOf(lines: readonly string[], compress: Compress): Promise<Uint8Array> {
  const bytes = Buffer.from(lines.join('\n'))
  return bytes.length < plainBytesMax
    ? Promise.resolve(withForm(plain, bytes))
    : compress(bytes).then((smaller) => withForm(zipped, smaller))
}

export function linesOf(chunk: Uint8Array): string[] {
  const [form] = chunk
  const bytes = chunk.subarray(1)
  const text = form === zipped ? gunzipSync(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return text.toString().split('\n')
}

function withForm(form: number, bytes: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(bytes.length + 1)
  chunk[0] = form
  chunk.set(bytes, 1)
  return chunk
}
