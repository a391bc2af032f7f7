// Placement of names. The golden numbers come from another program (a few lines of Python over encoded bytes); data on
// disk was placed by them, so a change here is a change of format.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fmix32, fnvStart, fnvStep } from '../../src/base/hash.ts'
import { shardOf, slotOf } from '../../src/base/placement.ts'

describe('the arithmetic', () => {
  it.each([
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968],
  ])("gives FNV-1a's published value for '%s'", (text, hash) => {
    expect([...Buffer.from(text)].reduce(fnvStep, fnvStart)).toBe(hash)
  })

  it.each([
    [0, 0],
    [1, 0x514e28b7],
    [0xdeadbeef, 0x0de5c6a9],
    [0xffffffff, 0x81f16f39],
  ])('gives the value of MurmurHash3 for its finaliser of %d', (hash, mixed) => {
    expect(fmix32(hash)).toBe(mixed)
  })
})

describe('slotOf and shardOf', () => {
  it.each([
    // name, slot, and the shard of 1, 2, 3, 7 and 64
    ['', 15371, [0, 1, 2, 6, 60]],
    ['a', 12723, [0, 1, 2, 5, 49]],
    ['x', 13868, [0, 1, 2, 5, 54]],
    ['campaign', 12686, [0, 1, 2, 5, 49]],
    ['leads', 10345, [0, 1, 1, 4, 40]],
    ['default', 9516, [0, 1, 1, 4, 37]],
    ['lead:000000001', 4505, [0, 0, 0, 1, 17]],
    ['/nodes/n1/status', 4991, [0, 0, 0, 2, 19]],
    ['A name with spaces', 13195, [0, 1, 2, 5, 51]],
    ['café', 3410, [0, 0, 0, 1, 13]],
    ['Straße', 752, [0, 0, 0, 0, 2]],
    ['日本語', 12434, [0, 1, 2, 5, 48]],
    ['😀', 10250, [0, 1, 1, 4, 40]],
    // The first and last characters of each length in UTF-8.
    ['\u07ff', 9568, [0, 1, 1, 4, 37]],
    ['\u0800', 11684, [0, 1, 2, 4, 45]],
    ['\ud7ff', 10482, [0, 1, 1, 4, 40]],
    ['\ue000', 4830, [0, 0, 0, 2, 18]],
    ['\uffff', 2962, [0, 0, 0, 1, 11]],
    ['\u{10000}', 8858, [0, 1, 1, 3, 34]],
    ['\u{10ffff}', 11411, [0, 1, 2, 4, 44]],
    ['n'.repeat(255), 12272, [0, 1, 2, 5, 47]],
  ])("places '%s' where it has always been", (name, slot, shards) => {
    expect(slotOf(name)).toBe(slot)
    expect([1, 2, 3, 7, 64].map((count) => shardOf(name, count))).toEqual(shards)
  })

  it.each([
    ['{tag}', 9647],
    ['user:{tag}:orders', 9647],
    ['{tag}{other}', 9647],
    ['}{tag}', 9647],
    ['a{b}c}', 8754],
    ['{{tag}}', 8287],
    ['{café}', 3410],
    ['{日本}語', 4383],
    ['state😀{😀}', 10250],
  ])("counts only the tag in '%s'", (name, slot) => {
    const tag = name.slice(name.indexOf('{') + 1, name.indexOf('}', name.indexOf('{')))
    expect(slotOf(name)).toBe(slot)
    expect(slotOf(tag)).toBe(slot)
  })

  it.each([
    ['{', 1605],
    ['}', 4572],
    ['{}', 13164],
    ['{}x', 1537],
    ['{tag', 8287],
    ['tag}', 15165],
    ['a{}b{tag}', 513],
  ])("counts the whole of '%s', which holds no tag", (name, slot) => {
    expect(slotOf(name)).toBe(slot)
  })

  it('hashes the UTF-8 bytes of any well-formed name', () => {
    const name = fc.string({ unit: 'binary' }).filter((text) => !text.includes('{'))
    fc.assert(
      fc.property(name, (text) => {
        const bytes = new TextEncoder().encode(text)
        expect(slotOf(text)).toBe(fmix32(bytes.reduce((hash, byte) => fnvStep(hash, byte), fnvStart)) % 16_384)
      }),
    )
  })

  it.each([2, 3, 8, 64])('spreads 10,000 names that differ in a number evenly over %d shards', (shards) => {
    const counts = Array.from({ length: shards }, () => 0)
    for (let index = 0; index < 10_000; index += 1) {
      const shard = shardOf(`state-${index}`, shards)
      counts[shard] = (counts[shard] ?? 0) + 1
    }
    const mean = 10_000 / shards
    // Five standard deviations of a fair draw.
    const tolerance = 5 * Math.sqrt(mean * (1 - 1 / shards))
    expect(counts).toHaveLength(shards)
    for (const count of counts) expect(Math.abs(count - mean)).toBeLessThan(tolerance)
  })
})
