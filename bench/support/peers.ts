// The peers that are not npm packages: Redis, and Python with pyzmq. Each is started with the settings that are its best
// for the question, on a free port, with a folder of its own; one that is not installed is left out, which is said.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Generator } from './generator.ts'
import { Process } from './processes.ts'
import type { Server } from './servers.ts'

/** What the user wants to compare with. */
export type PeerChoice = 'all' | 'redis' | 'node-redis' | 'none'

const everySecond = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--auto-aof-rewrite-percentage', '0'] as const

/** How Redis keeps what it holds. In both it is as fast as it can be with that promise: no snapshots in the background. */
const keeping = {
  /** Nothing is kept. */
  nothing: ['--appendonly', 'no'],
  /** No reply leaves before its command is on the disk; all commands of a turn share one fsync. */
  'every reply': ['--appendonly', 'yes', '--appendfsync', 'always'],
  /** Commands one after another, and rewritten only when it is asked to: as commands again. */
  'as commands': [...everySecond, '--aof-use-rdb-preamble', 'no'],
  /** The same, rewritten as a snapshot, which is what it does unless told otherwise. */
  'as a snapshot': [...everySecond, '--aof-use-rdb-preamble', 'yes'],
} as const

/** Undefined where it is not installed. The version is as it tells it. */
export function redisVersion(): string | undefined {
  return /v=(\S+)/.exec(output('redis-server', ['--version']) ?? '')?.[1]
}

export type RedisKeeping = keyof typeof keeping

/** In a folder of its own, which goes with it; or in one that is given, and stays. */
export async function startRedis(kept: RedisKeeping = 'nothing', givenFolder?: string): Promise<Server> {
  const folder = givenFolder ?? mkdtempSync(join(tmpdir(), 'bench-redis-'))
  const port = String(await freePort())
  // Its own epoll loop in one thread: more threads (`io-threads`) cost Redis throughput where cores are few.
  const settings = [
    '--port',
    port,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--daemonize',
    'no',
    '--save',
    '',
    ...keeping[kept],
  ]
  const process = new Process('redis-server', settings, folder)
  await process.line((line) => line.includes('Ready to accept connections'))
  return {
    process,
    endpoint: `redis://127.0.0.1:${port}`,
    async end() {
      await process.end()
      if (givenFolder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The command of a Python 3 that has pyzmq; Debian's own is asked too. */
function pythonWithZmq(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => output(python, ['-c', 'import zmq']) !== undefined)
}

export function pyzmqVersion(): string | undefined {
  const python = pythonWithZmq()
  return python === undefined ? undefined : output(python, ['-c', 'import zmq; print(zmq.__version__)'])?.trim()
}

/** A REQ socket of pyzmq that asks one thing after another; the only operation is `get`. */
export function startPyzmq(endpoint: string): Promise<Generator> {
  const file = fileURLToPath(new URL('../../../bench/support/pyzmq-req.py', import.meta.url))
  return Generator.over(new Process(pythonWithZmq() ?? 'python3', [file, endpoint]))
}

function output(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 })
  return status === 0 ? stdout : undefined
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}
