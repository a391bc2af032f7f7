// What may be a name of a state, and what a key. Names are data: they never become file names and reach no log unescaped.

export const nameBytesMax = 255
export const keyBytesMax = 1_024

/** Says why `key` cannot be a key, or undefined for a good one: 1 to 1,024 bytes, no control characters. */
export function keyProblem(key: string): string | undefined {
  return nameProblem(key, 'key', keyBytesMax)
}

/** Says why `name` cannot name a state, or undefined for a good one: 1 to 255 bytes, no control characters. */
export function nameProblem(name: unknown, what = 'state', bytesMax = nameBytesMax): string | undefined {
  if (typeof name !== 'string') return `'${what}' must be a string`
  if (name.length === 0) return `'${what}' must not be empty`
  if (name.length > bytesMax) return tooLong(what, bytesMax)
  if (/^[\x20-\x7e]*$/.test(name)) return undefined
  if (!name.isWellFormed()) return `'${what}' holds a lone surrogate`
  // Bidirectional controls make a name look like another one wherever a person reads it.
  if (/[\p{Cc}\p{Bidi_Control}]/u.test(name)) return `'${what}' must not hold control characters`
  return Buffer.byteLength(name) > bytesMax ? tooLong(what, bytesMax) : undefined
}

function tooLong(what: string, bytesMax: number): string {
  return `'${what}' must be at most ${bytesMax} bytes long`
}
