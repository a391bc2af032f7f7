// The processes that a benchmark starts: how they are begun, asked in lines of text, looked at, and ended. Whatever
// happens to the benchmark, none of them outlives it.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** How long a process may take to say what it was asked for. */
const answerMsMax = 300_000
/** How long a process may take to end by itself. */
const endMsMax = 10_000

export class Process {
  readonly #child: ChildProcess
  readonly #name: string
  readonly #lines: string[] = []
  readonly #ended: Promise<void>
  #wake: () => void = () => {}
  #errors = ''
  #isOver = false

  constructor(
    command: string,
    args: readonly string[],
    cwd?: string,
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.#name = [command, ...args].join(' ')
    this.#child = spawn(command, args, {
      stdio: 'pipe',
      env: { ...process.env, ...environment },
      ...(cwd !== undefined && { cwd }),
    })
    running.add(this.#child)
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#errors += error.message
        this.#noticeEnd(resolve)
      })
      this.#child.once('close', () => this.#noticeEnd(resolve))
    })
    this.#child.stdin?.on('error', () => {})
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text))
    if (this.#child.stdout === null) return
    createInterface(this.#child.stdout).on('line', (line) => {
      this.#lines.push(line)
      this.#wake()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What it has written to standard error so far. */
  get errors(): string {
    return this.#errors
  }

  /** Says a line on the standard input of the process. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** The next line on its standard output that satisfies the condition; the others before it are passed over. */
  async line(wanted: (line: string) => boolean = () => true): Promise<string> {
    const giveUpAt = performance.now() + answerMsMax
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined) {
        if (wanted(line)) return line
        continue
      }
      if (this.#isOver) throw new Error(`${this.#name} has ended: ${this.#errors.slice(-2_000)}`)
      if (performance.now() > giveUpAt) throw new Error(`${this.#name} does not answer`)
      await this.#nextLine()
    }
  }

  /** The lines on its standard output that nobody has asked for. */
  restOfLines(): string[] {
    return this.#lines.splice(0)
  }

  /** Seconds of processor time that it has used, all its threads together; undefined where the system does not tell. */
  cpuSeconds(): number | undefined {
    return cpuSecondsOf(this.pid)
  }

  /** Memory that it holds, as the system counts it; undefined where the system does not tell. */
  residentBytes(): number | undefined {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(procFile(this.pid, 'status') ?? '')?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  }

  async end(): Promise<void> {
    this.#child.stdin?.end()
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), endMsMax)
    await this.#ended
    clearTimeout(timer)
  }

  async #nextLine(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 1_000)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #noticeEnd(resolve: () => void): void {
    running.delete(this.#child)
    this.#isOver = true
    this.#wake()
    resolve()
  }
}

/** Linux counts in ticks of ten milliseconds for all programs. */
const ticksPerSecond = 100

function cpuSecondsOf(pid: number): number | undefined {
  // The name of the program stands in parentheses and may hold anything.
  const fields = procFile(pid, 'stat')
    ?.replace(/^.*\) /s, '')
    .split(' ')
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function procFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return undefined
  }
}

/** Starts one of the benchmarks' own programs, with the flags of Node before it. */
export function startNode(
  file: URL,
  args: readonly string[],
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Process {
  return new Process(process.execPath, [...flags, file.pathname, ...args], undefined, environment)
}
