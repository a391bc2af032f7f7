// The two pieces of arithmetic that every hash in Holdfast is made of: FNV-1a takes input a unit at a time, fmix32
// (the finaliser of MurmurHash3) spreads what FNV leaves lumpy in the low bits. Both work on unsigned 32-bit numbers.
// Placement of data depends on these exact values (placement.ts, golden vectors in its test): they never change.

/** Where FNV-1a starts. */
export const fnvStart = 0x811c9dc5

/** Takes one more unit (a byte; or a UTF-16 code unit, where no other program has to find the same hash). */
export function fnvStep(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, 0x01000193) >>> 0
}

/** Spreads every bit of `hash` over all 32: a bijection, so it adds no collisions. */
export function fmix32(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
