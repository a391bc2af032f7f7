// What `export` and `import` have in common: their options, the client they talk through, and the signal that stops them.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { Misuse, Problem } from '../base/problem.ts'
import { type Client, connect, HoldfastError } from '../client/index.ts'
import type { ConnectionOptions } from './connection.ts'
import { failureStatus } from './errors.ts'

export interface TransferOptions {
  readonly format?: 'jsonl' | 'csv'
  readonly delimiter: string
  readonly quiet?: true
  readonly json?: true
}

/** How long a row or a page waits, a daemon that is started anew included. */
export const patienceMs = 60_000
/** Until the first reply of a daemon. */
const connectMsMax = 5_000
/** A stop that is asked for again after so long is meant. */
const repeatMs = 1_000

export function addTransferOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--format <FORMAT>', 'jsonl or csv; without it, what the name of the file says').choices([
        'jsonl',
        'csv',
      ]),
    )
    .addOption(
      new Option('--delimiter <CHARACTER>', 'what separates the cells of CSV').default(',').argParser(readDelimiter),
    )
    .option('--quiet', 'show no progress, and no report unless something is wrong')
    .option('--json', 'print the report as one line of JSON on standard output')
}

export function formatOf(file: string, { format }: TransferOptions): 'jsonl' | 'csv' {
  return format ?? (/\.(csv|tsv)(\.gz)?$/i.test(file) ? 'csv' : 'jsonl')
}

function readDelimiter(given: string): string {
  const delimiter = given === '\\t' ? '\t' : given
  if (/^[\t\x20-\x7e]$/.test(delimiter) && !/["0-9A-Za-z]/.test(delimiter)) return delimiter
  throw new InvalidArgumentError("It must be one character such as ';', or \\t.")
}

/** The time-out is for each row or page, a daemon that is gone for a while included. */
export async function connectTo({ endpoint, timeout }: ConnectionOptions): Promise<Client> {
  try {
    return await connect(endpoint, { timeoutMs: timeout, connectTimeoutMs: Math.min(timeout, connectMsMax) })
  } catch (error) {
    throw daemonProblem(error)
  }
}

/** What a daemon has said, or not said, in words; other errors as they are. */
export function daemonProblem(error: unknown): unknown {
  if (!(error instanceof HoldfastError)) return error
  const advice =
    error.code === 'NOT_CONNECTED'
      ? "Start a daemon with 'holdfast serve', or name the endpoint of one with --endpoint."
      : undefined
  const text = `${error.code}: ${error.message}.`
  return error.code === 'STATE_NOT_FOUND' ? new Misuse(text) : new Problem(text, advice)
}

/** Aborts at the first Ctrl-C or TERM. Another one later ends the process at once. */
export function stopSignal(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController()
  let firstAt: number | undefined
  const onSignal = (): void => {
    if (firstAt !== undefined && performance.now() - firstAt > repeatMs) process.exit(failureStatus)
    firstAt ??= performance.now()
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
