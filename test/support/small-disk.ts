// A disk that is quickly full: a file system in memory of a few megabytes, mounted for one test or one campaign. To mount
// takes rights that not everybody has; without them the tests that need it are skipped, with words.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'

export class SmallDisk {
  readonly folder: string
  readonly #hog: string

  /** Mounts it on an empty folder of its own within `parent`. */
  constructor(megabytes: number, parent: string = tmpdir()) {
    this.folder = mkdtempSync(join(parent, 'holdfast-small-disk-'))
    this.#hog = join(this.folder, 'somebody-else')
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', this.folder])
    mkdirSync(this.data)
  }

  /** Where the data is to be kept. */
  get data(): string {
    return join(this.folder, 'data')
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder)
    return bavail * bsize
  }

  /** Somebody else fills the disk, but for so many bytes; what they had before is theirs still. */
  fill(leftBytes = 0): void {
    const bytes = this.freeBytes - leftBytes
    if (bytes > 0) writeFileSync(this.#hog, Buffer.alloc(bytes), { flag: 'a' })
  }

  /** Somebody else cleans up. */
  clear(): void {
    rmSync(this.#hog, { force: true })
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.folder])
    rmdirSync(this.folder)
  }
}

/** Whether this user may mount one. */
export function maySmallDisk(): boolean {
  if (process.platform !== 'linux') return false
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-small-disk-'))
  const isMounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' }).status === 0
  if (isMounted) execFileSync('umount', [folder])
  rmdirSync(folder)
  return isMounted
}

/** A `describe` whose tests mount a small disk. */
export function describeOnSmallDisk(name: string, tests: () => void): void {
  if (maySmallDisk()) describe(name, tests)
  else it.skipIf(true)(`${name} (this user may not mount a file system)`, () => {})
}
