// What a disk holds after a power cut, made from the log that power-shim.c has written. What a barrier has secured is
// there; of what came later any part may be: each sector, each length and each name on its own.
// Invariant: an image holds nothing that a disk with sectors of 512 bytes, which keeps none of the order between two
// barriers, could not hold.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Whole numbers from 0. */
export type Random = (below: number) => number

const operations = ['', 'open', 'write', 'length', 'sync', 'rename', 'unlink', 'folder', 'unknown'] as const

export interface Entry {
  readonly operation: (typeof operations)[number]
  readonly atMs: number
  /** Relative to the folder that is watched. */
  readonly path: string
  readonly inode: bigint
  readonly offset: number
  readonly data: Buffer
}

const headBytes = 40
const sectorBytes = 512
const smallestBytes = 64 * 1024

/** Ends before an entry that was cut short. */
export function readLog(file: string): Entry[] {
  const bytes = readFileSync(file)
  const entries: Entry[] = []
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const pathEnd = at + headBytes + bytes.readUInt32LE(at + 4)
    const end = pathEnd + Number(bytes.readBigUInt64LE(at + 32))
    if (end > bytes.length) break
    entries.push({
      operation: operations[bytes.readUInt32LE(at)] ?? 'unknown',
      atMs: Number(bytes.readBigUInt64LE(at + 8)) / 1e6,
      path: bytes.toString('utf8', at + headBytes, pathEnd),
      inode: bytes.readBigUInt64LE(at + 16),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      data: bytes.subarray(pathEnd, end),
    })
    at = end
  }
  return entries
}

type Write = { readonly offset: number; readonly data: Buffer } | { readonly length: number }

class DiskFile {
  /** Grows ahead of what is in it; behind the length there are zeros. */
  #secured: Buffer<ArrayBuffer>
  #length: number
  #pending: Write[] = []

  constructor(secured: Buffer<ArrayBuffer> = Buffer.alloc(0)) {
    this.#secured = secured
    this.#length = secured.length
  }

  do(write: Write): void {
    this.#pending.push(write)
  }

  sync(): void {
    for (const write of this.#pending) this.#secured = applied(this.#secured, write, () => true)
    this.#length = this.#lengths().at(-1) as number
    this.#pending = []
  }

  /** What may be left of it. */
  image(random: Random, wish: Wish): Buffer {
    const pending = this.#pending
    const part = wish === 'anything' ? (['nothing', 'everything', 'torn', 'torn', 'torn'] as const)[random(5)] : wish
    if (part === 'nothing' || pending.length === 0) return this.#secured.subarray(0, this.#length)
    const lengths = this.#lengths()
    if (part === 'everything') return this.#imageOf(pending, lengths.at(-1) as number, () => true)
    // A file that was cut gets new sectors: nothing that was written after the cut stands in the old ones.
    const cuts = [...pending.keys()].filter((index) => (lengths[index + 1] as number) < (lengths[index] as number))
    const end = [...cuts, pending.length][random(cuts.length + 1)] as number
    const start = (cuts.findLast((index) => index < end) ?? -1) + 1
    const length = lengths[start + random(end - start + 1)] as number
    const tenths = [1, 5, 9][random(3)] as number
    return this.#imageOf(pending.slice(0, end), length, () => random(10) < tenths)
  }

  /** Of each sector of these writes what is kept of it. */
  #imageOf(writes: readonly Write[], length: number, keeps: () => boolean): Buffer {
    let bytes = Buffer.from(this.#secured)
    for (const write of writes) bytes = applied(bytes, write, keeps)
    const image = Buffer.alloc(length)
    bytes.copy(image, 0, 0, Math.min(length, bytes.length))
    return image
  }

  /** The length before the first write that is pending, and after each. */
  #lengths(): number[] {
    const lengths = [this.#length]
    for (const write of this.#pending) lengths.push(lengthAfter(lengths.at(-1) as number, write))
    return lengths
  }
}

/** Changes the bytes, or longer ones in their place, in those sectors that are kept. */
function applied(bytes: Buffer<ArrayBuffer>, write: Write, keeps: () => boolean): Buffer<ArrayBuffer> {
  // What lies behind the end is gone: if the file grows again it is empty there.
  if ('length' in write) return write.length < bytes.length ? bytes.fill(0, write.length) : bytes
  const end = write.offset + write.data.length
  let changed = bytes
  if (end > bytes.length) {
    changed = Buffer.alloc(Math.max(2 * end, smallestBytes))
    bytes.copy(changed)
  }
  for (const [from, to] of sectorsOf(write.offset, end)) {
    if (keeps()) write.data.copy(changed, from, from - write.offset, to - write.offset)
  }
  return changed
}

function lengthAfter(length: number, write: Write): number {
  return 'length' in write ? write.length : Math.max(length, write.offset + write.data.length)
}

/** The parts of a range that lie in a sector each. */
function* sectorsOf(from: number, to: number): Generator<readonly [number, number]> {
  for (let start = from; start < to; ) {
    const end = Math.min(to, (Math.floor(start / sectorBytes) + 1) * sectorBytes)
    yield [start, end]
    start = end
  }
}

type Thing = DiskFile | DiskFolder
type Renaming = readonly (readonly [name: string, thing: Thing | undefined])[]

class DiskFolder {
  readonly names = new Map<string, Thing>()
  #secured: ReadonlyMap<string, Thing> = new Map()
  #pending: Renaming[] = []

  do(renaming: Renaming): void {
    this.#pending.push(renaming)
    apply(this.names, renaming)
  }

  sync(): void {
    this.#secured = new Map(this.names)
    this.#pending = []
  }

  write(path: string, random: Random, wish: Wish): void {
    mkdirSync(path, { recursive: true })
    const names = new Map(this.#secured)
    const part = wish === 'anything' ? (['nothing', 'everything', 'some', 'some'] as const)[random(4)] : wish
    for (const renaming of this.#pending) {
      if (part === 'everything' || (part === 'some' && random(2) === 0)) apply(names, renaming)
    }
    for (const [name, thing] of names) {
      if (thing instanceof DiskFolder) thing.write(join(path, name), random, wish)
      else writeFileSync(join(path, name), thing.image(random, wish))
    }
  }
}

function apply(names: Map<string, Thing>, renaming: Renaming): void {
  for (const [name, thing] of renaming) {
    if (thing === undefined) names.delete(name)
    else names.set(name, thing)
  }
}

/** What is left of that which no barrier has secured. */
export type Wish = 'nothing' | 'everything' | 'anything'

export class Disk {
  readonly #root: DiskFolder
  readonly #inodes = new Map<bigint, Thing>()

  /** Begins with what a folder holds, all of it secured. */
  constructor(folder: string) {
    this.#root = load(folder)
  }

  /** Whatever is written there is no part of the disk. */
  do({ operation, path, inode, offset, data }: Entry): void {
    const thing = this.#inodes.get(inode)
    switch (operation) {
      case 'open': {
        const opened = this.#find(path) ?? this.#make(path, new DiskFile())
        this.#inodes.set(inode, opened)
        // The offset says whether what stood there was thrown away.
        if (offset === 1 && opened instanceof DiskFile) opened.do({ length: 0 })
        return
      }
      case 'write':
        return (thing as DiskFile).do({ offset, data })
      case 'length':
        return (thing as DiskFile).do({ length: offset })
      case 'sync':
        return thing?.sync()
      case 'folder':
        this.#make(path, new DiskFolder())
        return
      case 'unlink':
        return this.#folderOf(path).do([[basename(path), undefined]])
      case 'rename': {
        const to = data.toString()
        if (dirname(to) !== dirname(path)) throw new Error('nothing is known of renaming across folders')
        return this.#folderOf(path).do([
          [basename(path), undefined],
          [basename(to), this.#find(path)],
        ])
      }
      default:
        throw new Error(`the log holds what its reader does not know: ${path}`)
    }
  }

  /** Writes into an empty folder what may be left if the power goes now. */
  image(folder: string, random: Random, wish: Wish): void {
    this.#root.write(folder, random, wish)
  }

  #find(path: string): Thing | undefined {
    let thing: Thing | undefined = this.#root
    for (const name of path.split('/')) if (name !== '') thing = (thing as DiskFolder | undefined)?.names.get(name)
    return thing
  }

  #folderOf(path: string): DiskFolder {
    return this.#find(dirname(`/${path}`)) as DiskFolder
  }

  #make(path: string, thing: Thing): Thing {
    this.#folderOf(path).do([[basename(path), thing]])
    return thing
  }
}

function load(path: string): DiskFolder {
  const folder = new DiskFolder()
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name)
    folder.do([[entry.name, entry.isDirectory() ? load(inside) : new DiskFile(readFileSync(inside))]])
  }
  folder.sync()
  return folder
}
