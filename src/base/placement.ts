// Where a name lives: name → one of 16,384 slots → one of N shards. Router, client tools and an operator's script must
// agree on it for ever, since data on disk was placed by it; the golden vectors in the test hold it still.
// Names are well-formed Unicode (the protocol refuses others). All functions are pure and allocate nothing.

import { fmix32, fnvStart, fnvStep } from './hash.ts'

/** A power of two far above any sensible number of shards, so that the shards' shares of the slots stay even. */
const slotCount = 16_384

/**
 * The slot of a state's or lock's name, 0 to 16,383. Only the text between the first `{` and the next `}` counts, if
 * there is any, so names that share a `{tag}` live together on any number of shards.
 */
export function slotOf(name: string): number {
  const open = name.indexOf('{')
  const close = open < 0 ? -1 : name.indexOf('}', open + 1)
  const hash = close > open + 1 ? fnvOfUtf8(name, open + 1, close) : fnvOfUtf8(name, 0, name.length)
  return fmix32(hash) % slotCount
}

/** The shard, 0 to `shards` − 1, that owns the name. Each shard owns one contiguous run of slots. */
export function shardOf(name: string, shards: number): number {
  return Math.floor((slotOf(name) * shards) / slotCount)
}

/** FNV-1a over the UTF-8 bytes of `text` from `start` to `end`, found by hand because an encoder would allocate. */
function fnvOfUtf8(text: string, start: number, end: number): number {
  let hash = fnvStart
  for (let index = start; index < end; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) {
      hash = fnvStep(hash, unit)
    } else if (unit < 0x800) {
      hash = fnvStep(hash, 0xc0 | (unit >> 6))
      hash = fnvStep(hash, 0x80 | (unit & 0x3f))
    } else if (unit < 0xd800 || unit > 0xdfff) {
      hash = fnvStep(hash, 0xe0 | (unit >> 12))
      hash = fnvStep(hash, 0x80 | ((unit >> 6) & 0x3f))
      hash = fnvStep(hash, 0x80 | (unit & 0x3f))
    } else {
      // A surrogate pair: one character above U+FFFF, four bytes.
      index += 1
      const point = 0x10000 + ((unit & 0x3ff) << 10) + (text.charCodeAt(index) & 0x3ff)
      hash = fnvStep(hash, 0xf0 | (point >> 18))
      hash = fnvStep(hash, 0x80 | ((point >> 12) & 0x3f))
      hash = fnvStep(hash, 0x80 | ((point >> 6) & 0x3f))
      hash = fnvStep(hash, 0x80 | (point & 0x3f))
    }
  }
  return hash
}
