// The files that an export is written to and an import is read from; `-` is standard output or input, and what ends in .gz is
// compressed. Nobody sees half an export: it is written beside its place and renamed when it is whole.
import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { pipeline, Readable, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { Misuse, Problem } from '../base/problem.ts'

/** Which file was read, so that another one is not taken for it. */
export interface FileIdentity {
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modified: number
  /** Of its beginning. */
  readonly head: string
}

export interface Source {
  readonly bytes: AsyncIterable<Buffer>
  /** How many bytes of the file were read. */
  readonly bytesRead: () => number
  /** Undefined where there is no file that stays. */
  readonly identity: FileIdentity | undefined
  close(): void
}

const headBytes = 64 * 1024

/** Opens a file, where it is not compressed `offset` bytes behind its beginning; of a compressed one all bytes are read. */
export function openSource(path: string, offset: number): Source {
  if (path === '-') return sourceOf(process.stdin, undefined, 0)
  const isCompressed = path.endsWith('.gz')
  const identity = identityOf(path)
  const raw = createReadStream(path, { start: isCompressed ? 0 : offset, highWaterMark: 256 * 1024 })
  return sourceOf(raw, identity, offset, isCompressed)
}

function sourceOf(raw: Readable, identity: FileIdentity | undefined, offset: number, isCompressed = false): Source {
  let bytesRead = isCompressed ? 0 : offset
  const counted = async function* (): AsyncGenerator<Buffer, void, void> {
    for await (const buffer of raw) {
      bytesRead += (buffer as Buffer).length
      yield buffer as Buffer
    }
  }
  const bytes = isCompressed ? behind(expanded(counted()), offset) : counted()
  return { bytes, bytesRead: () => bytesRead, identity, close: () => void raw.destroy() }
}

async function* expanded(compressed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  const gunzip = pipeline(Readable.from(compressed), createGunzip(), () => {})
  try {
    for await (const buffer of gunzip) yield buffer as Buffer
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (!code.startsWith('Z_')) throw error
    throw new Problem('the file is not compressed as its name says, or is cut short.', 'gzip -t tells more.')
  }
}

async function* behind(bytes: AsyncIterable<Buffer>, offset: number): AsyncGenerator<Buffer, void, void> {
  let left = offset
  for await (const buffer of bytes) {
    if (left < buffer.length) yield buffer.subarray(left)
    left = Math.max(0, left - buffer.length)
  }
}

/** Undefined for standard input. Throws a `Misuse` if the file cannot be read. */
export function identityOf(path: string): FileIdentity | undefined {
  if (path === '-') return undefined
  try {
    const { size, mtimeMs: modified } = statSync(path)
    const file = openSync(path, 'r')
    try {
      const head = Buffer.alloc(Math.min(headBytes, size))
      const length = readSync(file, head)
      return { size, modified, head: createHash('sha256').update(head.subarray(0, length)).digest('hex') }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw cannot('read', path, error)
  }
}

/** Where an export goes. */
export class Sink {
  readonly #path: string
  readonly #partial: string
  readonly #out: Writable
  readonly #target: Writable
  #error: NodeJS.ErrnoException | undefined
  bytes = 0

  constructor(path: string) {
    this.#path = path
    this.#partial = `${path}.partial`
    if (path === '-') this.#target = process.stdout
    else {
      try {
        this.#target = createWriteStream('', { fd: openSync(this.#partial, 'w') })
      } catch (error) {
        throw cannot('write', this.#partial, error)
      }
    }
    const note = (error: Error | null | undefined): void => void (this.#error ??= error ?? undefined)
    this.#target.on('error', note)
    this.#out = path.endsWith('.gz') ? gzipInto(this.#target, note) : this.#target
  }

  /** Whether whoever reads has gone away. */
  get isClosed(): boolean {
    return this.#error?.code === 'EPIPE'
  }

  /** Resolves when there is room for more. */
  async write(text: string): Promise<void> {
    this.#check()
    this.bytes += Buffer.byteLength(text)
    if (this.#out.write(text)) return
    await new Promise<void>((resolve) => {
      const goOn = (): void => {
        this.#out.off('drain', goOn)
        this.#target.off('error', goOn)
        this.#target.off('close', goOn)
        resolve()
      }
      this.#out.once('drain', goOn)
      this.#target.once('error', goOn)
      this.#target.once('close', goOn)
    })
    this.#check()
  }

  /** Brings the whole file to its place, onto the disk. */
  async finish(): Promise<void> {
    this.#check()
    if (this.#path === '-') return new Promise((resolve) => void process.stdout.write('', () => resolve()))
    this.#out.end()
    await finished(this.#target).catch(() => {})
    this.#check()
    const file = openSync(this.#partial, 'r+')
    fsyncSync(file)
    closeSync(file)
    renameSync(this.#partial, this.#path)
  }

  /** Leaves nothing behind. */
  abandon(): void {
    if (this.#path === '-') return
    this.#out.destroy()
    this.#target.destroy()
    rmSync(this.#partial, { force: true })
  }

  #check(): void {
    if (this.#error === undefined) return
    throw this.isClosed ? this.#error : cannot('write', this.#path, this.#error)
  }
}

function gzipInto(target: Writable, onEnd: (error?: Error | null) => void): Writable {
  const gzip = createGzip()
  pipeline(gzip, target, onEnd)
  return gzip
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user has no permission',
  EISDIR: 'it is a folder',
  ENOSPC: 'the disk is full',
}

export function cannot(what: 'read' | 'write', path: string, error: unknown): Problem {
  const { code = '', message } = error as NodeJS.ErrnoException
  const text = `cannot ${what} '${path}': ${reasons[code] ?? message}.`
  return code === 'ENOSPC' ? new Problem(text) : new Misuse(text)
}
