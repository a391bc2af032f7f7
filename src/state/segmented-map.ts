// A Map that grows a little at a time. V8's Map doubles in one go, which stops a shard for 60 to 90 ms at a million
// entries and 190 ms at two million (Node 20); this one spreads the work over the inserts (linear hashing: W. Litwin,
// VLDB 1980), so its longest insert moves a few thousand entries, a fraction of a millisecond.
// Invariant: every entry stands in the segment that #segmentOf names for its key. Owned by one shard.
//
// Linear hashing with five segments: the hash's low 2 bits name one of 0 to 3, and where that segment was split in this
// round (here only 0), one bit more says whether the entry went on to segment 4.
//     low bits   000 → 0    100 → 4    x01 → 1    x10 → 2    x11 → 3        the next to be split: 1, into 1 and 5

import { fmix32, fnvStart, fnvStep } from '../base/hash.ts'

// The load, over which one segment is split. Segments that wait for their turn in a round hold up to about twice that.
const entriesPerSegment = 1_024

/**
 * Keys are safe integers or strings; 1 and '1' are two keys. Iteration has no particular order, and must not be
 * interleaved with inserts, which could show an entry twice.
 */
export class SegmentedMap<Key extends number | string, Value> {
  readonly #segments: Map<Key, Value>[] = [new Map<Key, Value>()]
  // One less than the power of two that the round started from: the low bits that name a segment.
  #roundMask = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The entries of the fullest segment, which is what the longest insert may have to move. */
  get segmentSizeMax(): number {
    return Math.max(...this.#segments.map((segment) => segment.size))
  }

  get(key: Key): Value | undefined {
    return this.#segmentOf(key).get(key)
  }

  has(key: Key): boolean {
    return this.#segmentOf(key).has(key)
  }

  set(key: Key, value: Value): void {
    const segment = this.#segmentOf(key)
    const sizeBefore = segment.size
    segment.set(key, value)
    if (segment.size === sizeBefore) return
    this.#size += 1
    if (this.#size > this.#segments.length * entriesPerSegment) this.#split()
  }

  /** Returns false if there was no such key. Segments are never joined again: an empty Map costs next to nothing. */
  delete(key: Key): boolean {
    const deleted = this.#segmentOf(key).delete(key)
    if (deleted) this.#size -= 1
    return deleted
  }

  *values(): Generator<Value, void, void> {
    for (const segment of this.#segments) yield* segment.values()
  }

  /**
   * The values in pieces of about a thousand, for whoever stops between two of them: inserts and deletes may happen there. What
   * stays all the time is shown once, also where its segment is split meanwhile.
   */
  *pieces(): Generator<Iterable<Value>, void, void> {
    const ahead = this.#segments.map((_, index) => index)
    const seen = new Set<number>()
    let known = ahead.length
    for (let index = ahead.shift(); index !== undefined; index = ahead.shift()) {
      seen.add(index)
      yield (this.#segments[index] as Map<Key, Value>).values()
      // What was split off from a segment that is still to come has left it.
      for (; known < this.#segments.length; known += 1) if (!seen.has(sourceOf(known))) ahead.push(known)
    }
  }

  #segmentOf(key: Key): Map<Key, Value> {
    // Most maps stay small, and pay for no hash.
    const index = this.#segments.length === 1 ? 0 : this.#indexOf(hashOf(key))
    return this.#segments[index] as Map<Key, Value>
  }

  #indexOf(hash: number): number {
    const index = hash & (this.#roundMask * 2 + 1)
    return index < this.#segments.length ? index : hash & this.#roundMask
  }

  /** Splits the segment whose turn it is; when all had theirs, the next round looks at one bit more. */
  #split(): void {
    const from = this.#segments.length - this.#roundMask - 1
    const to = this.#segments.length
    const source = this.#segments[from] as Map<Key, Value>
    const target = new Map<Key, Value>()
    this.#segments.push(target)
    for (const [key, value] of source) {
      if (this.#indexOf(hashOf(key)) === to) {
        target.set(key, value)
        source.delete(key)
      }
    }
    if (this.#segments.length === (this.#roundMask + 1) * 2) this.#roundMask = this.#roundMask * 2 + 1
  }
}

/** The segment from which this one was split off: the same number without its highest bit. */
function sourceOf(segment: number): number {
  return segment & ~(1 << (31 - Math.clz32(segment)))
}

/**
 * Not seeded: someone who picks keys of equal hash makes one segment grow as an ordinary Map would, with its pauses,
 * while look-ups stay as fast, because inside a segment V8's own seeded hash decides.
 */
function hashOf(key: number | string): number {
  return fmix32(typeof key === 'string' ? hashOfText(key) : hashOfInteger(key))
}

function hashOfInteger(key: number): number {
  // `| 0` keeps the low 32 bits of any safe integer; the others matter only for keys beyond them.
  const low = key | 0
  return low === key ? low : low ^ Math.imul(Math.floor(key / 0x1_0000_0000), 0x9e3779b1)
}

/** Every character counts: sampling left 300,000 long keys that differ in a few digits in ten segments. */
function hashOfText(key: string): number {
  let hash = fnvStart
  for (let index = 0; index < key.length; index += 1) hash = fnvStep(hash, key.charCodeAt(index))
  return hash
}
