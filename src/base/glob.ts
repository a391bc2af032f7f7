// Patterns of names as Redis has them: `*` any text, `?` any one character, `[a-z]` one of a set, `[!a]` or `[^a]` one
// outside it, and a backslash before a character that is meant as it stands. Nothing is made into a regular expression.
// Invariant: matching takes the length of the text, times one more for each 32 tokens of the pattern, whatever stands in
// either. The parts between stars are sought all at once with one bit for each token (Shift-And: Baeza-Yates and Gonnet,
// CACM 1992), so nothing is ever tried again from the next character on.

interface Token {
  /** The character, if it is this one only. */
  readonly literal: number | undefined
  readonly matches: (character: number) => boolean
}

/** What is wrong with a pattern, in words. */
export interface GlobProblem {
  readonly reason: string
}

export const patternLengthMax = 1_024

export class Glob {
  /** The text that every match begins with. */
  readonly prefix: string
  /** Work done so far: characters looked at, times the words of bits that this took. */
  steps = 0
  readonly #first: readonly Token[]
  readonly #between: readonly Part[]
  /** Undefined for a pattern without a star. */
  readonly #last: readonly Token[] | undefined

  constructor(parts: readonly (readonly Token[])[]) {
    const [first = [], ...rest] = parts
    this.#first = first
    this.#last = rest.pop()
    this.#between = rest.filter((part) => part.length > 0).map((part) => new Part(part))
    const plain = first.findIndex(({ literal }) => literal === undefined)
    const literals = plain === -1 ? first : first.slice(0, plain)
    this.prefix = String.fromCodePoint(...literals.map(({ literal }) => literal as number))
  }

  matches(text: string): boolean {
    const characters = charactersOf(text)
    const { length } = characters
    this.steps += length
    const last = this.#last
    if (!this.#isAt(this.#first, characters, 0)) return false
    if (last === undefined) return length === this.#first.length
    const end = length - last.length
    let place = this.#first.length
    if (end < place || !this.#isAt(last, characters, end)) return false
    for (const part of this.#between) {
      const found = part.find(characters, place, end)
      this.steps += ((found === -1 ? end : found) - place) * part.words
      if (found === -1) return false
      place = found
    }
    return true
  }

  #isAt(tokens: readonly Token[], characters: readonly number[], start: number): boolean {
    if (start + tokens.length > characters.length) return false
    this.steps += tokens.length
    return tokens.every(({ matches }, index) => matches(characters[start + index] as number))
  }
}

/** The tokens between two stars. */
class Part {
  readonly words: number
  readonly #tokens: readonly Token[]
  /** For each character that was met: a bit for every token that it matches. */
  readonly #masks = new Map<number, Uint32Array>()

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
    this.words = Math.ceil(tokens.length / 32)
  }

  /** The place behind its first occurrence that begins at `start` or later and ends by `end`; -1 if there is none. */
  find(characters: readonly number[], start: number, end: number): number {
    // Bit n says that the first n + 1 tokens match the characters up to here.
    const state = new Uint32Array(this.words)
    const top = this.#tokens.length - 1
    for (let place = start; place < end; place += 1) {
      const mask = this.#maskOf(characters[place] as number)
      let carry = 1
      for (let word = 0; word < this.words; word += 1) {
        const bits = state[word] as number
        state[word] = ((bits << 1) | carry) & (mask[word] as number)
        carry = bits >>> 31
      }
      if (((state[top >> 5] as number) & (1 << (top & 31))) !== 0) return place + 1
    }
    return -1
  }

  #maskOf(character: number): Uint32Array {
    const known = this.#masks.get(character)
    if (known !== undefined) return known
    const mask = new Uint32Array(this.words)
    for (const [index, { matches }] of this.#tokens.entries()) {
      if (matches(character)) mask[index >> 5] = (mask[index >> 5] as number) | (1 << (index & 31))
    }
    // Texts in many characters must not make a table of all of them.
    if (this.#masks.size < 1_024) this.#masks.set(character, mask)
    return mask
  }
}

function charactersOf(text: string): number[] {
  const characters: number[] = []
  for (const character of text) characters.push(character.codePointAt(0) as number)
  return characters
}

/** Reads a pattern, in time linear in its length; or says what is wrong with it. */
export function readGlob(pattern: string): Glob | GlobProblem {
  if (pattern.length > patternLengthMax) return { reason: `'pattern' must have at most ${patternLengthMax} characters` }
  const characters = Array.from(pattern)
  const parts: Token[][] = [[]]
  let index = 0
  while (index < characters.length) {
    const character = characters[index] as string
    if (character === '*') {
      parts.push([])
      index += 1
      continue
    }
    const read = tokenAt(characters, index)
    if ('reason' in read) return read
    parts.at(-1)?.push(read.token)
    index = read.next
  }
  return new Glob(parts)
}

interface ReadToken {
  readonly token: Token
  readonly next: number
}

function tokenAt(characters: readonly string[], index: number): ReadToken | GlobProblem {
  const character = characters[index] as string
  if (character === '?') return { token: { literal: undefined, matches: () => true }, next: index + 1 }
  if (character === '[') return setAt(characters, index + 1)
  if (character !== '\\') return { token: literal(character), next: index + 1 }
  const escaped = characters[index + 1]
  if (escaped === undefined) return { reason: "'pattern' ends with a backslash" }
  return { token: literal(escaped), next: index + 2 }
}

function literal(character: string): Token {
  const wanted = character.codePointAt(0) as number
  return { literal: wanted, matches: (found) => found === wanted }
}

/** The set that begins at `start`, behind its bracket. */
function setAt(characters: readonly string[], start: number): ReadToken | GlobProblem {
  const isNegated = characters[start] === '!' || characters[start] === '^'
  const ranges: [low: number, high: number][] = []
  let index = isNegated ? start + 1 : start
  for (;;) {
    if (characters[index] === ']' && ranges.length > 0) break
    const low = memberAt(characters, index)
    if (low === undefined) return { reason: `the '[' at character ${start} of 'pattern' has no end` }
    index = low.next
    const isRange = characters[index] === '-' && characters[index + 1] !== ']'
    const high = isRange ? memberAt(characters, index + 1) : low
    if (high === undefined) return { reason: `the '[' at character ${start} of 'pattern' has no end` }
    index = high.next
    ranges.push([Math.min(low.code, high.code), Math.max(low.code, high.code)])
  }
  const isWithin = (found: number): boolean => ranges.some(([low, high]) => found >= low && found <= high)
  const matches = isNegated ? (found: number): boolean => !isWithin(found) : isWithin
  return { token: { literal: undefined, matches }, next: index + 1 }
}

function memberAt(characters: readonly string[], index: number): { code: number; next: number } | undefined {
  const isEscaped = characters[index] === '\\'
  const character = characters[isEscaped ? index + 1 : index]
  if (character === undefined) return undefined
  return { code: character.codePointAt(0) as number, next: index + (isEscaped ? 2 : 1) }
}
