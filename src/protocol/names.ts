// What may be a name of a state. Names are data: they never become file names and reach no log unescaped.

export const nameBytesMax = 255

/** Says why `name` cannot name a state, or undefined for a good one: 1 to 255 bytes, no control characters. */
export function nameProblem(name: unknown, what = 'state'): string | undefined {
  if (typeof name !== 'string') return `'${what}' must be a string`
  if (name.length === 0) return `'${what}' must not be empty`
  if (name.length > nameBytesMax) return tooLong(what)
  if (/^[\x20-\x7e]*$/.test(name)) return undefined
  if (!name.isWellFormed()) return `'${what}' holds a lone surrogate`
  // Bidirectional controls make a name look like another one wherever a person reads it.
  if (/[\p{Cc}\p{Bidi_Control}]/u.test(name)) return `'${what}' must not hold control characters`
  return Buffer.byteLength(name) > nameBytesMax ? tooLong(what) : undefined
}

function tooLong(what: string): string {
  return `'${what}' must be at most ${nameBytesMax} bytes long`
}
