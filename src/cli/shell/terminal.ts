// The shell on a terminal: a prompt, a history, completion, and nothing that ends it but its user. Ctrl-C stops waiting
// for a reply, or forgets what is typed; Ctrl-D leaves.
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline/promises'
import type { ReadStream, WriteStream } from 'node:tty'
import type { JsonObject } from '../../protocol/value.ts'
import { NoReply } from '../connection.ts'
import { statusOf } from '../errors.ts'
import { escaped, escapedJson, shownValue } from '../escape.ts'
import { complete } from './completion.ts'
import { helpFor } from './help.ts'
import { type History, historyLinesMax } from './history.ts'
import { type Input, InputReader } from './input.ts'
import { type Look, terminalLook } from './look.ts'
import { type Drawing, drawMachine } from './machine.ts'
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
/** Whoever starts the shell wants to type, also where nobody answers. */
const greetingMs = 1_000
/** A longer wait is explained. */
const patienceMs = 1_000

/** Resolves when the user leaves. */
export async function runTerminal(options: TerminalOptions): Promise<void> {
  const { history } = options
  await new Terminal(options).run()
  history.close()
}

class Terminal {
  readonly #options: TerminalOptions
  readonly #reader = new InputReader()
  /** The lines of the input that is being typed. */
  #typed: string[] = []
  /** Inputs that were typed, or pasted, while another one was carried out, and the text of each. */
  #queue: { readonly input: Input; readonly text: string }[] = []
  /** Resolves when the queue is empty. */
  #running = Promise.resolve()
  #isRunning = false
  #hasLeft = false
  /** Present while a reply is waited for. */
  #waiting: AbortController | undefined
  /** What the arrow keys offer, the newest first: readline's own list, which it hands out to be changed. */
  #recent: string[] = []

  constructor(options: TerminalOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    await this.#greet()
    const readline = this.#openReadline()
    readline.prompt()
    await once(readline, 'close')
    await this.#running
  }

  async #greet(): Promise<void> {
    const { session, endpoint, history } = this.#options
    const { dim } = this.#look.colors
    if (history.problem !== undefined) this.#say(dim(`No history is kept: ${history.problem}`))
    try {
      this.#say(greeting(await session.greet({ timeout: greetingMs }), endpoint))
    } catch (error) {
      if (!(error instanceof NoReply)) throw error
      this.#complain(error.wasSent ? error.message : `nobody answers at ${endpoint} yet.`, error.advice)
    }
    this.#say(dim('help shows the commands, Tab completes, Ctrl-D leaves.'))
  }

  #openReadline(): Interface {
    const { input, output, session, history } = this.#options
    const findStates = (prefix: string): Promise<readonly string[]> => session.stateNames(prefix)
    const readline = createInterface({
      input,
      output,
      prompt,
      history: [...history.lines],
      historySize: historyLinesMax,
      // While a reply is waited for, the daemon cannot be asked for names.
      completer: (line) => (this.#reader.isOpen || this.#isRunning ? [[], ''] : complete(line, findStates)),
    })
    readline.on('line', (line) => this.#take(line, readline))
    readline.on('history', (lines) => {
      this.#recent = lines
      this.#showHistory()
    })
    readline.on('SIGINT', () => {
      if (this.#isRunning) this.#stopRunning()
      else this.#forgetTyped(readline)
    })
    readline.on('close', () => {
      // Ctrl-D leaves the cursor behind the prompt, if there is one.
      if (!this.#hasLeft && !this.#isRunning) this.#say('')
      this.#hasLeft = true
      this.#stopRunning()
    })
    return readline
  }

  /** readline would keep every line; here it is every input, in one line, so that it can be had back with one key. */
  #showHistory(): void {
    this.#recent.splice(0, this.#recent.length, ...this.#options.history.lines)
  }

  /** Reads a line at once, so that of several that are pasted each gets its prompt; the commands wait for their turn. */
  #take(line: string, readline: Interface): void {
    const input = this.#reader.read(line)
    this.#typed.push(line.trim())
    readline.setPrompt(input.kind === 'open' ? promptForMore : prompt)
    if (input.kind === 'open') {
      readline.prompt()
      return
    }
    const text = this.#typed.join(' ').trim()
    this.#typed = []
    if (input.kind !== 'nothing') this.#options.history.add(text)
    this.#showHistory()
    this.#queue.push({ input, text })
    if (!this.#isRunning) this.#running = this.#runQueue(readline)
  }

  async #runQueue(readline: Interface): Promise<void> {
    this.#isRunning = true
    try {
      for (let next = this.#queue.shift(); next !== undefined && !this.#hasLeft; next = this.#queue.shift()) {
        await this.#carryOut(next.input)
        const [waiting] = this.#queue
        if (waiting !== undefined && !this.#hasLeft) this.#say(`${prompt}${escaped(waiting.text)}`)
      }
      this.#isRunning = false
      if (!this.#hasLeft) readline.prompt()
    } catch (error) {
      this.#hasLeft = true
      throw error
    } finally {
      if (this.#hasLeft) readline.close()
    }
  }

  #stopRunning(): void {
    this.#queue = []
    this.#waiting?.abort()
  }

  async #carryOut(input: Input): Promise<void> {
    if (input.kind === 'complaint') this.#complain(input.problem, input.advice)
    else if (input.kind === 'help') this.#say(helpFor(input.topic, this.#look))
    else if (input.kind === 'message') await this.#send(input)
    else if (input.kind === 'exit') this.#hasLeft = true
  }

  async #send({ text: message, drawing }: Input & { kind: 'message' }): Promise<void> {
    const { session, endpoint, json } = this.#options
    const { colors } = this.#look
    const patience = setTimeout(
      () => this.#say(colors.dim(`waiting for ${endpoint}; Ctrl-C stops waiting`)),
      patienceMs,
    )
    this.#waiting = new AbortController()
    try {
      const { reply, milliseconds, notice } = await session.send(message, { signal: this.#waiting.signal })
      if (notice !== undefined) this.#say(colors.yellow(notice))
      if (json) this.#say(escapedJson(reply))
      else if (drawing !== undefined && statusOf(reply) === 0) this.#draw(reply as JsonObject, drawing)
      else this.#say(renderReply(reply, this.#look, milliseconds))
    } catch (error) {
      if (!(error instanceof NoReply)) throw error
      this.#complain(error.message, error.advice)
    } finally {
      clearTimeout(patience)
      this.#waiting = undefined
    }
  }

  #draw(info: JsonObject, drawing: Drawing): void {
    const drawn = drawMachine(info, drawing, this.#look)
    if (typeof drawn === 'string') this.#say(drawn)
    else this.#complain(drawn.message, drawn.advice)
  }

  /** Ctrl-C at the prompt. What was typed stays on the screen, as in other shells. */
  #forgetTyped(readline: Interface): void {
    const isEmpty = readline.line === '' && !this.#reader.isOpen
    readline.write(null, { ctrl: true, name: 'e' })
    this.#say('^C')
    if (isEmpty) this.#say(this.#look.colors.dim('Ctrl-D leaves.'))
    readline.write(null, { ctrl: true, name: 'u' })
    this.#reader.reset()
    this.#typed = []
    readline.setPrompt(prompt)
    readline.prompt()
  }

  #complain(problem: string, advice: string | undefined): void {
    this.#say(this.#look.colors.red(problem))
    if (advice !== undefined) this.#say(`  ${advice}`)
  }

  #say(text: string): void {
    this.#options.output.write(`${text}\n`)
  }

  /** Asked for each time, for windows change their size. */
  get #look(): Look {
    return terminalLook(this.#options.output)
  }
}

function greeting({ server_version: version, shards, durability }: JsonObject, endpoint: string): string {
  if (typeof version !== 'string') return `Connected to ${endpoint}.`
  const threads = typeof shards === 'number' ? `, ${shards} ${shards === 1 ? 'shard' : 'shards'}` : ''
  const kept = durability === 'memory' ? ', in memory only' : ''
  return `holdfast ${shownValue(version)} at ${endpoint}${threads}${kept}`
}
