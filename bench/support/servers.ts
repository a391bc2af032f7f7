// Our own side: the built daemon as a process, as a user would start it; and the echo, which is the floor under it.
import { type Process, startNode } from './processes.ts'

export interface Server {
  readonly process: Process
  readonly endpoint: string
  end(): Promise<void>
}

function serverOf(process: Process, endpoint: string): Server {
  return { process, endpoint, end: () => process.end() }
}

export interface DaemonOptions {
  readonly shards: number
  /** Of Node, before the program. */
  readonly nodeFlags?: readonly string[]
  /** `HOST:PORT` for metrics. Default: none. */
  readonly metrics?: string
}

const program = new URL('../../src/cli/main.js', import.meta.url)
const greeting = /^\[STATE DAEMON\] Running at (\S+)$/

/** Starts a daemon in memory mode on a free port. */
export async function startDaemon({ shards, nodeFlags = [], metrics = 'off' }: DaemonOptions): Promise<Server> {
  const free = ['--bind', 'tcp://127.0.0.1:0', '--metrics', metrics]
  const process = startNode(program, ['serve', ...free, '--memory', '--shards', String(shards)], nodeFlags)
  const line = await process.line((text) => greeting.test(text))
  return serverOf(process, greeting.exec(line)?.[1] ?? '')
}

export async function startEcho(): Promise<Server> {
  const process = startNode(new URL('./echo-process.js', import.meta.url), [])
  return serverOf(process, await process.line())
}
