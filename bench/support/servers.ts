// Our own side: the built daemon as a process, as a user would start it; and the echo, which is the floor under it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
  /** Keeps what it holds, in a folder that goes with it. Default: it keeps nothing. */
  readonly durability?: 'strict' | 'relaxed'
  /** Where it keeps that, if the folder is to stay. */
  readonly folder?: string
  readonly environment?: Readonly<Record<string, string>>
}

const program = new URL('../../src/cli/main.js', import.meta.url)
const greeting = /^\[STATE DAEMON\] Running at (\S+)$/

/** Starts a daemon on a free port. */
export async function startDaemon(options: DaemonOptions): Promise<Server> {
  const { shards, nodeFlags = [], metrics = 'off', durability, environment } = options
  const folder = durability && (options.folder ?? mkdtempSync(join(tmpdir(), 'bench-holdfast-')))
  const kept = folder === undefined ? ['--memory'] : ['--data', folder, '--durability', durability as string]
  const free = ['--bind', 'tcp://127.0.0.1:0', '--feed', 'tcp://127.0.0.1:0', '--metrics', metrics]
  const process = startNode(program, ['serve', ...free, ...kept, '--shards', String(shards)], nodeFlags, environment)
  const line = await process.line((text) => greeting.test(text))
  const server = serverOf(process, greeting.exec(line)?.[1] ?? '')
  if (folder === undefined || options.folder !== undefined) return server
  return {
    ...server,
    async end() {
      await server.end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export async function startEcho(): Promise<Server> {
  const process = startNode(new URL('./echo-process.js', import.meta.url), [])
  return serverOf(process, await process.line())
}
