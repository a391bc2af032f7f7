// The reserve: a file beside a database that takes up room while there is plenty, so that there is some to give up when
// the disk is full. Owned by one journal.
// Invariant: its room is really taken, or it is empty: a file that only looks large would be of no help.
import { randomFillSync } from 'node:crypto'
import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, statfsSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const chunkBytes = 64 * 1024
/** What `stat` counts in. */
const blockBytes = 512

export class Reserve {
  readonly path: string
  readonly bytes: number
  /** How many bytes it gave up since it was whole. Whoever takes more of the disk takes the reserve of another shard. */
  given = 0

  constructor(path: string, bytes: number) {
    this.path = path
    this.bytes = bytes
  }

  /**
   * Takes the room up, if there is that much and a quarter more, so that who comes back does not meet the end of the disk
   * at once. Returns false, and takes none, where there is not. Safe to call again.
   */
  build(): boolean {
    if (this.bytes === 0) return true
    const margin = Math.ceil(this.bytes / 4)
    return this.#withFile((file) => {
      const { size, blocks } = fstatSync(file)
      const isThere = size === this.bytes && blocks * blockBytes >= size
      // Without this look, each try would fill the disk to its brim for a moment. A quota shows only when it is met.
      if (roomBeside(this.path) < margin + (isThere ? 0 : this.bytes)) return false
      takeUp(file, isThere ? size : 0, this.bytes + margin)
      ftruncateSync(file, this.bytes)
      this.given = 0
      return true
    })
  }

  /** Takes up so many bytes that were freed, or as many of them as there are, so that less is missing when it is needed. */
  buildPartly(bytes: number): void {
    this.#withFile((file) => {
      const { size } = fstatSync(file)
      const end = Math.min(this.bytes, size + Math.min(bytes, roomBeside(this.path)))
      if (size < end) takeUp(file, size, end)
      this.given = 0
      return true
    })
  }

  giveUp(): void {
    this.#withFile(() => false)
  }

  /** The file is empty afterwards unless the action says that it may stay. */
  #withFile(action: (file: number) => boolean): boolean {
    let file: number | undefined
    let isKept = false
    try {
      file = openSync(this.path, constants.O_RDWR | constants.O_CREAT, 0o600)
      this.given = Math.max(this.given, fstatSync(file).size)
      isKept = action(file)
    } catch {
      // No room, no right, no disk: in each case there is no reserve, which is all that anybody wants to know.
    }
    if (file === undefined) return false
    try {
      if (!isKept) ftruncateSync(file, 0)
      closeSync(file)
    } catch {
      return false
    }
    return isKept
  }
}

/** Writes from one place in a file to another, and forces it to the disk. Throws where there is no room. */
export function takeUp(file: number, from: number, to: number): void {
  // Not zeros: a file system that compresses would take no room for those.
  const chunk = randomFillSync(Buffer.alloc(chunkBytes))
  for (let at = from; at < to; ) at += writeSync(file, chunk, 0, Math.min(chunkBytes, to - at), at)
  fsyncSync(file)
}

/** How many bytes anybody may still write there. */
export function roomBeside(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path))
  return bavail * bsize
}

/** Beside the database, as the anchor is. */
export function reserveFileOf(file: string): string {
  return file.replace(/(\.db)?$/, '.reserve')
}
