// The built program as a child process, in tests and in what runs without a test runner: started with arguments and read
// by its output. Whoever starts it ends it.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'
import { eventually } from './eventually.ts'

/** Everything that starts it does so in the root folder of the tree. */
export const programFile = join(process.cwd(), 'dist', 'src', 'cli', 'main.js')

export interface Outcome {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  /** Added to an environment without any HOLDFAST variable. */
  readonly environment?: Readonly<Record<string, string>>
  readonly input?: string
}

/** A program that runs. */
export class Program {
  readonly child: ChildProcessWithoutNullStreams
  readonly over: Promise<Outcome>
  stdout = ''
  stderr = ''

  constructor(args: readonly string[], { environment = {}, input = '' }: ProgramOptions = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_'))
    this.child = spawn(process.execPath, [programFile, ...args], {
      env: { ...Object.fromEntries(inherited), ...environment },
    })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.child.stdin.end(input)
    this.over = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (status, signal) => {
        resolve({ status, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** The lines of the log, which are JSON. Of the last one only a part may have come. */
  get log(): Record<string, unknown>[] {
    const lines = this.stderr
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  /** Ends it without mercy, if it still runs. */
  async end(): Promise<void> {
    if (!this.isOver) this.child.kill('SIGKILL')
    await this.over
  }
}

export interface RunningDaemon {
  readonly program: Program
  readonly endpoint: string
  /** `HOST:PORT`, or `off`. */
  readonly metrics: string
}

/** On a busy machine a start takes its time. */
const startMsMax = 60_000

/**
 * Starts a daemon on free ports and waits until it answers; without threads, and keeping nothing, unless it is told. The
 * caller ends it.
 */
export async function startDaemon(args: readonly string[] = [], options?: ProgramOptions): Promise<RunningDaemon> {
  const keepsNothing = args.some((arg) => arg === '--data' || arg === '--memory') ? [] : ['--memory']
  const places = ['--bind', 'tcp://127.0.0.1:0', '--feed', 'tcp://127.0.0.1:0', '--metrics', '127.0.0.1:0']
  const free = [...places, '--shards', '0', ...keepsNothing]
  const program = new Program(['serve', ...free, ...args], options)
  const serving = () => program.log.find(({ msg }) => msg === 'serving')
  const hasPrinted = () => program.stdout.split('\n').length > args.filter((arg) => arg === '--bind').length + 1
  const isThere = () => program.isOver || (serving() !== undefined && hasPrinted())
  await eventually('the daemon serves', isThere, startMsMax).catch(async (error: unknown) => {
    await program.end()
    throw new Error(`the daemon does not serve: ${program.stderr}`, { cause: error })
  })
  const { endpoints, metrics } = serving() ?? {}
  if (!Array.isArray(endpoints)) {
    await program.end()
    throw new Error(`the daemon does not serve: ${program.stderr}`)
  }
  return { program, endpoint: String(endpoints[0]), metrics: String(metrics) }
}
