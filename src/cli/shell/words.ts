// A line of the shell taken apart into words: bare ones, quoted ones, and JSON in brackets, which may go on in the lines
// that follow. Knows no command. A text in JSON ends in its line, so only brackets can be open at the end of one.
import { escaped } from '../escape.ts'

export interface Word {
  /** Where it begins in its line. */
  readonly start: number
  /** What stands before the `=` of `name=value`. */
  readonly name: string | undefined
  readonly form: 'bare' | 'quoted' | 'json'
  /** The value: of a quoted word what the quotes stand for, of JSON its text. */
  readonly text: string
}

/** What is not closed at the end of a line: brackets, which a next line may close, or a quote, which none can. */
type Open = 'brackets' | 'quote' | undefined

export interface Words {
  /** Those of all lines until now. */
  readonly words: readonly Word[]
  readonly open: Open
  /** Why the input cannot be meant. */
  readonly problem: string | undefined
}

/** Collects the words of one input, line by line, until nothing is open any more. */
export class WordReader {
  readonly #words: Word[] = []
  #open: Open
  #problem: string | undefined
  /** JSON that waits for its last bracket: its word so far, its lines, and how many brackets are open. */
  #json: Omit<Word, 'text'> | undefined
  #jsonLines: string[] = []
  #depth = 0
  #line = ''
  #position = 0

  read(line: string): Words {
    this.#line = line
    this.#position = 0
    this.#open = undefined
    if (this.#json !== undefined) this.#readJson(this.#json)
    while (this.#open === undefined && this.#problem === undefined && this.#hasMore()) this.#readWord()
    return { words: this.#words, open: this.#open, problem: this.#problem }
  }

  /** Goes to the next word, if there is one. */
  #hasMore(): boolean {
    this.#position = indexOf(/\S/g, this.#line, this.#position)
    return this.#position < this.#line.length
  }

  #readWord(): void {
    const start = this.#position
    const name = /^[A-Za-z_]\w*(?==)/.exec(this.#line.slice(start, start + nameLengthMax))?.[0]
    if (name !== undefined) this.#position += name.length + 1
    const first = this.#line.charAt(this.#position)
    if (first === '{' || first === '[') this.#readJson({ start, name, form: 'json' })
    else if (first === '"' || first === "'") this.#readQuoted({ start, name, form: 'quoted' }, first)
    else {
      const text = this.#take(indexOf(/\s/g, this.#line, this.#position))
      this.#words.push({ start, name, form: 'bare', text })
    }
  }

  #readQuoted(word: Omit<Word, 'text'>, quote: '"' | "'"): void {
    const end = endOfQuote(this.#line, this.#position, quote)
    const literal = this.#take(end ?? this.#line.length)
    const text = quote === '"' && end !== undefined ? parsedString(literal) : literal.slice(1, end && -1)
    if (text !== undefined) this.#words.push({ ...word, text })
    else this.#problem = `${shortened(literal)} is no text as JSON has it; '...' takes everything as it is`
    if (end !== undefined) return this.#demandSpace(literal)
    this.#open = 'quote'
    this.#problem = `the quote ${quote} is not closed`
  }

  #readJson(word: Omit<Word, 'text'>): void {
    const end = this.#endOfBrackets()
    if (this.#problem !== undefined) return
    this.#jsonLines.push(this.#take(end ?? this.#line.length))
    this.#json = end === undefined ? word : undefined
    if (end === undefined) {
      this.#open = 'brackets'
      return
    }
    const text = this.#jsonLines.join('\n')
    this.#jsonLines = []
    this.#words.push({ ...word, text })
    this.#demandSpace(text)
  }

  /** Where the last bracket is closed; undefined if this line does not close it. */
  #endOfBrackets(): number | undefined {
    const line = this.#line
    for (let index = this.#position; index < line.length; index += 1) {
      const character = line[index]
      if (character === '{' || character === '[') this.#depth += 1
      else if (character === '"') {
        const end = endOfQuote(line, index, '"')
        if (end === undefined) this.#problem = `the text ${shortened(line.slice(index))} does not end in its line`
        index = (end ?? line.length) - 1
      } else if (character === '}' || character === ']') {
        this.#depth -= 1
        if (this.#depth === 0) return index + 1
      }
    }
    return undefined
  }

  #demandSpace(after: string): void {
    if (this.#position === this.#line.length || /\s/.test(this.#line.charAt(this.#position))) return
    this.#problem ??= `a space is missing after ${shortened(after)}`
  }

  #take(end: number): string {
    const text = this.#line.slice(this.#position, end)
    this.#position = end
    return text
  }
}

/** No argument has a name that is nearly as long. */
const nameLengthMax = 100

/** Where the pattern matches at or after the position; the end of the text if it does not. */
function indexOf(pattern: RegExp, text: string, position: number): number {
  pattern.lastIndex = position
  return pattern.exec(text)?.index ?? text.length
}

/** The position behind the closing quote. Between double quotes, as in JSON, a backslash escapes what follows. */
function endOfQuote(line: string, start: number, quote: '"' | "'"): number | undefined {
  for (let index = start + 1; index < line.length; index += 1) {
    if (line[index] === quote) return index + 1
    if (line[index] === '\\' && quote === '"') index += 1
  }
  return undefined
}

function parsedString(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted) as string
  } catch {
    return undefined
  }
}

function shortened(text: string): string {
  return escaped(text.length <= 30 ? text : `${text.slice(0, 30)}…`)
}

/** The value as a word that is read as just this text; as it is where that is enough. */
export function quoted(text: string): string {
  if (/^[^\s"'{[=][^\s=]*$/u.test(text) && !/\p{Cc}/u.test(text)) return text
  return text.includes("'") || /\p{Cc}/u.test(text) ? JSON.stringify(text) : `'${text}'`
}
