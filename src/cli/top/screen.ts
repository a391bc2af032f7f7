// The terminal of `holdfast top`: a screen of its own that is drawn over line by line, keys that are read at once, and all as it
// was when the program ends, by whatever end.
import type { ReadStream, WriteStream } from 'node:tty'

const enter = '\u001b[?1049h\u001b[?25l'
const leave = '\u001b[?25h\u001b[?1049l'
const home = '\u001b[H'
const clearRestOfLine = '\u001b[K'
const clearRestOfScreen = '\u001b[J'

export interface ScreenOptions {
  readonly input: ReadStream
  readonly output: WriteStream
  readonly onKey: (key: string) => void
  readonly onResize: () => void
}

/** Where the terminal does not know its size. */
const defaultSize = { width: 80, height: 24 }

export class Screen {
  readonly #options: ScreenOptions
  readonly #restore = (): void => this.close()
  readonly #typed = (text: string): void => {
    for (const key of text) this.#options.onKey(key)
  }
  #isOpen = true

  /** Takes the terminal over. */
  constructor(options: ScreenOptions) {
    this.#options = options
    const { input, output, onResize } = options
    // Whatever ends the process, the terminal has to be of use afterwards.
    process.on('exit', this.#restore)
    input.setRawMode(true)
    input.setEncoding('utf8')
    input.on('data', this.#typed)
    output.on('resize', onResize)
    output.write(enter)
  }

  get size(): { readonly width: number; readonly height: number } {
    const { columns, rows } = this.#options.output
    return { width: columns || defaultSize.width, height: rows || defaultSize.height }
  }

  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return
    // In one write, and without clearing first: nothing flickers.
    this.#options.output.write(`${home}${lines.map((line) => line + clearRestOfLine).join('\r\n')}${clearRestOfScreen}`)
  }

  /** Gives the terminal back. May be called again. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    const { input, output, onResize } = this.#options
    process.off('exit', this.#restore)
    output.off('resize', onResize)
    input.off('data', this.#typed)
    input.setRawMode(false)
    input.pause()
    output.write(leave)
  }
}
