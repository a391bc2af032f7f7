// `holdfast top`: what a daemon is doing right now, drawn anew every second on a terminal; or once, for pipes and scripts.
import { setTimeout as delay } from 'node:timers/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { Problem } from '../base/problem.ts'
import { isObject } from '../protocol/value.ts'
import { addConnectionOptions, Connection, type ConnectionOptions, NoReply } from './connection.ts'
import { shownValue } from './escape.ts'
import { plainLook, terminalLook, widthOf } from './shell/look.ts'
import { type Figures, figuresOf, type Reading } from './top/figures.ts'
import { frame } from './top/frame.ts'
import { runLive } from './top/live.ts'

interface TopOptions extends ConnectionOptions {
  /** Milliseconds. */
  readonly interval: number
  readonly once?: true
  readonly json?: true
}

const intervalSecondsMax = 3_600
/** Where nothing says how wide a line may be. */
const plainWidth = 120

const notes = `
Keys: q quits, s sorts the shards, p pauses, ? explains what is shown. Where the daemon goes away the last picture stays, and
is drawn anew once it is back.

Examples:
  holdfast top
  holdfast top --once --interval 5        the rates of five seconds, once, in a pipe or a script
  holdfast top --json | jq .commandsPerSecond

Rates are of the time between two looks. Times are between the bounds of a histogram, and so about right.`

export function define(command: Command): void {
  command.description('Shows live what a daemon is doing: rates, times, shards, locks, clients and refusals.')
  addConnectionOptions(command)
    .addOption(
      new Option('--interval <SECONDS>', 'how long between two looks').default(1_000, '1').argParser(readInterval),
    )
    .option('--once', 'print one picture and end, as where the output is no terminal')
    .option('--json', 'print the numbers of one look as JSON, and end')
    .addHelpText('after', notes)
    .action(top)
}

async function top(options: TopOptions): Promise<void> {
  const { stdin, stdout } = process
  const { endpoint, interval } = options
  const connection = new Connection(options)
  const ask = async (signal?: AbortSignal): Promise<Reading> => {
    const reply = await connection.exchange('{"cmd":"STATS","detail":true}', signal && { signal })
    if (!isObject(reply)) throw new NoReply(true, `what ${endpoint} replied is no reply of a holdfast.`)
    if (reply.status !== 'ok') throw new Problem(`${shownValue(reply.code ?? '')}: ${shownValue(reply.message ?? '')}`)
    return { reply, at: performance.now() }
  }
  try {
    const isLive = options.once === undefined && options.json === undefined && stdin.isTTY && stdout.isTTY
    if (isLive) {
      const look = terminalLook(stdout)
      return await runLive({ endpoint, intervalMs: interval, ask, look, input: stdin, output: stdout })
    }
    const figures = await figuresOnce(ask, interval)
    process.stdout.write(options.json === true ? `${JSON.stringify(figures)}\n` : picture(figures, endpoint))
  } finally {
    connection.close()
  }
}

async function figuresOnce(ask: () => Promise<Reading>, interval: number): Promise<Figures> {
  const before = await ask()
  await delay(interval)
  const figures = figuresOf(await ask(), before)
  if (figures === undefined) throw new Problem('this daemon is too old for top: its STATS knows no detail.')
  return figures
}

function picture(figures: Figures, endpoint: string): string {
  const { stdout } = process
  const look = stdout.isTTY ? terminalLook(stdout) : plainLook
  const view = { endpoint, figures, sorting: 'shard', isPaused: false, showsHelp: false, problem: undefined } as const
  const lines = frame(view, { width: widthOf(stdout) ?? plainWidth, height: undefined }, look.colors)
  return `${lines.join('\n')}\n`
}

function readInterval(given: string): number {
  const seconds = /^\d*\.?\d+$/.test(given) ? Number(given) : 0
  if (seconds < 0.1 || seconds > intervalSecondsMax) {
    throw new InvalidArgumentError(`It must be a number of seconds, from 0.1 to ${intervalSecondsMax}.`)
  }
  return Math.ceil(seconds * 1_000)
}
