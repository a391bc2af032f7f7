// A terminal in a program: what a person would see and type, through tmux. Each has a server of its own, which ends with
// its test.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'

export interface TerminalOptions {
  /** The program and its arguments. */
  readonly command: readonly string[]
  /** All that the program finds in its environment, besides TERM. */
  readonly environment: Readonly<Record<string, string>>
  readonly width: number
  readonly height: number
}

export class TmuxTerminal {
  readonly #tmux: string
  readonly #socket: string

  /** Runs the program in a terminal; below its last line it is told how the program ended. */
  constructor(tmux: string, { command, environment, width, height }: TerminalOptions) {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-tmux-'))
    this.#tmux = tmux
    this.#socket = join(folder, 'socket')
    onTestFinished(() => {
      spawnSync(tmux, ['-S', this.#socket, 'kill-server'])
      rmSync(folder, { recursive: true })
    })
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const line = ['env', '-i', 'TERM=screen-256color', ...variables, ...command].map(inQuotes).join(' ')
    const size = ['-x', String(width), '-y', String(height)]
    this.#run('-u', '-f', '/dev/null', 'new-session', '-d', ...size, `${line}; echo "ended with $?"; cat`)
  }

  /** Types a text as it is. */
  type(text: string): void {
    this.#run('send-keys', '-l', text)
  }

  /** Presses a key by the name that tmux has for it: `Enter`, `Tab`, `Up`, `C-d`. */
  press(key: string): void {
    this.#run('send-keys', key)
  }

  /** The lines on the screen, without the empty ones below; `colours` keeps the escapes that paint them. */
  screen(colours?: 'colours'): string {
    const text = this.#run('capture-pane', '-p', ...(colours === undefined ? [] : ['-e']))
    return text.trimEnd()
  }

  /** Gives the terminal another size, as a person does who draws at its window. */
  resize(width: number, height: number): void {
    this.#run('resize-window', '-x', String(width), '-y', String(height))
  }

  /** Whether a person sees where the next character goes. */
  cursorIsShown(): boolean {
    return this.#run('display-message', '-p', '#{cursor_flag}').trim() === '1'
  }

  /** Sends a signal to the program. */
  signal(signal: NodeJS.Signals): void {
    const shell = this.#run('display-message', '-p', '#{pane_pid}').trim()
    const [program] = execFileSync('pgrep', ['-P', shell], { encoding: 'utf8' }).split('\n')
    process.kill(Number(program), signal)
  }

  /** Waits until the screen ends so, as it does when a program waits for a key; spaces at the end do not count. */
  async shows(end: string): Promise<void> {
    try {
      await eventually(`the screen ends with ${JSON.stringify(end)}`, () => this.screen().endsWith(end))
    } catch (error) {
      throw new Error(`${String(error)}; it is:\n${this.screen()}`, { cause: error })
    }
  }

  #run(...args: readonly string[]): string {
    return execFileSync(this.#tmux, ['-S', this.#socket, ...args], { encoding: 'utf8' })
  }
}

function inQuotes(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
