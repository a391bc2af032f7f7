// The shell on a terminal: a prompt, a history, completion, and nothing that ends it but its user. Ctrl-C stops waiting
// for a reply, or forgets what is typed; Ctrl-D leaves.
import { createInterface, type Interface } from 'node:readline/promises'
import type { ReadStream, WriteStream } from 'node:tty'
import { Problem } from '../../base/problem.ts'
import type { JsonObject } from '../../protocol/value.ts'
import { NoReply } from '../connection.ts'
import { escaped, escapedJson } from '../escape.ts'
import { complete } from './completion.ts'
import { helpFor } from './help.ts'
import { type History, historyLinesMax } from './history.ts'
import { type Input, InputReader } from './input.ts'
import { type Look, terminalLook } from './look.ts'
import { renderReply } from './render.ts'
import type { Session } from './session.ts'

export interface TerminalOptions {
  readonly session: Session
  readonly endpoint: string
  readonly history: History
  readonly input: ReadStream
  readonly output: WriteStream
  /** Prints each reply as it is, in one line. */
  readonly json: boolean
}

const prompt = 'holdfast> '
/** While brackets are open. */
const promptForMore = '     ... '
/** The first sign of life may not take as long as a command: whoever starts the shell wants to type. */
const greetingMs = 1_000
/** After this a wait is explained. */
const patienceMs = 1_000

/** Resolves when the user leaves. */
export async function runTerminal(options: TerminalOptions): Promise<void> {
  const terminal = new Terminal(options)
  await terminal.greet()
  await terminal.run()
}

class Terminal {
  readonly #options: TerminalOptions
  readonly #readline: Interface
  readonly #reader = new InputReader()
  /** The lines of the input that is being typed. */
  #typed: string[] = []
  /** Present while a reply is waited for. */
  #waiting: AbortController | undefined
  /** What readline offers with the arrow keys: its own list, which it hands out to be changed. */
  #recent: string[] = []

  constructor(options: TerminalOptions) {
    this.#options = options
    const { input, output, session, history } = options
    this.#readline = createInterface({
      input,
      output,
      prompt,
      history: [...history.lines],
      historySize: historyLinesMax,
      completer: (line) => (this.#reader.isOpen ? [[], ''] : complete(line, (prefix) => session.stateNames(prefix))),
    })
    this.#readline.on('SIGINT', () => this.#interrupt())
    this.#readline.on('history', (lines) => {
      this.#recent = lines
      this.#keepInputsOnly()
    })
  }

  async greet(): Promise<void> {
    const { session, endpoint, history } = this.#options
    if (history.problem !== undefined) this.#say(this.#look.colors.dim(`No history is kept: ${escaped(history.problem)}`))
    try {
      this.#say(greeting(await session.greet({ timeout: greetingMs }), endpoint))
    } catch (error) {
      if (!(error instanceof NoReply)) throw error
      const words = error.wasSent ? error.message : `nobody answers at ${endpoint} yet.`
      this.#complain(words, error.advice)
    }
    this.#say(this.#look.colors.dim('help shows the commands, Tab completes, Ctrl-D leaves.'))
  }

  async run(): Promise<void> {
    this.#readline.prompt()
    for await (const line of this.#readline) {
      const input = this.#read(line)
      if (input.kind === 'exit') break
      await this.#carryOut(input)
      this.#readline.setPrompt(input.kind === 'open' ? promptForMore : prompt)
      this.#readline.prompt()
    }
    ...
  }
}
