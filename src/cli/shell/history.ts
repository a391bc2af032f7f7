// What was typed in earlier sessions, and in this one: a file with one input a line, the newest last, that only its owner
// may read, since inputs hold data. Sessions at the same time add to the same file.
import { appendFileSync, chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Also for readline, which keeps the lines of the session. */
export const historyLinesMax = 1_000
const ownerOnly = 0o600

/** Where the history is kept; HOLDFAST_HISTORY names another file. */
export function historyFile(environment: Readonly<Record<string, string | undefined>>): string {
  const named = environment.HOLDFAST_HISTORY
  return named === undefined || named === '' ? join(homedir(), '.holdfast_history') : named
}

export class History {
  readonly #path: string
  /** The newest first, as readline has them. */
  #lines: string[] = []
  #problem: string | undefined

  /** A file that cannot be used is done without. */
  constructor(path: string) {
    this.#path = path
    this.#try(() => {
      this.#lines = readAndCut(path).reverse()
    })
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  /** Why the history is not kept, if it is not. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Keeps an input, which is one line, unless it is that of before. */
  add(line: string): void {
    if (line === this.#lines[0]) return
    this.#lines.unshift(line)
    this.#lines.length = Math.min(this.#lines.length, historyLinesMax)
    if (this.#problem !== undefined) return
    this.#try(() => appendFileSync(this.#path, `${line}\n`, { mode: ownerOnly }))
  }

  /** Leaves the file with as many lines as it may have. */
  close(): void {
    if (this.#problem === undefined) this.#try(() => readAndCut(this.#path))
  }

  #try(use: () => void): void {
    try {
      use()
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error)
    }
  }
}

/** The last lines of the file, and no others left in it. */
function readAndCut(path: string): string[] {
  const stats = statSync(path, { throwIfNoEntry: false })
  // What is no file, such as /dev/null, is not ours to change.
  if (!stats?.isFile()) return []
  if ((stats.mode & 0o777) !== ownerOnly) chmodSync(path, ownerOnly)
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  const last = lines.slice(-historyLinesMax)
  if (last.length < lines.length) writeFileSync(path, `${last.join('\n')}\n`)
  return last
}
