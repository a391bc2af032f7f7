// `holdfast serve`: runs the daemon until it is told to stop. Standard output gets one line for each endpoint, once it
// answers there; everything else goes to the log on standard error.
import { type Command, Option } from 'commander'
import { pino } from 'pino'
import type { Log } from '../base/log.ts'
import { limitedLog } from '../base/log-limit.ts'
import { serverVersion } from '../base/version.ts'
import {
  type Config,
  defaults,
  loadConfig,
  type OptionDeclaration,
  type OptionName,
  optionNames,
  options,
} from '../config.ts'
import { startDaemon } from './daemon.ts'
import { failureStatus } from './errors.ts'

const notes = `
Each option can also stand in the environment, as HOLDFAST_LOG_LEVEL=debug does, or in the file that --config or
HOLDFAST_CONFIG names: {"shards": 4, "log-level": "debug", "limits": {"messageBytesMax": 1048576}}. An option given here
goes before the environment, and that before the file. In HOLDFAST_BIND, commas stand between several endpoints.

Examples:
  holdfast serve
  holdfast serve --bind tcp://127.0.0.1:5560 --bind ipc:///tmp/holdfast.sock --shards 4

SIGTERM and Ctrl-C end the daemon once it has answered what it read; a second signal after a second ends it at once.`

export function define(command: Command): void {
  command.description('Runs the daemon in the foreground until SIGTERM or Ctrl-C.')
  for (const name of optionNames) command.addOption(flagOf(name))
  command
    .option('--config <FILE>', 'a JSON file with options')
    .addHelpText('after', notes)
    .action(() => serve(command))
}

function flagOf(name: OptionName): Option {
  const { summary, placeholder, repeatable }: OptionDeclaration = options[name]
  if (placeholder === undefined) return new Option(`--${name}`, summary)
  const option = new Option(`--${name} <${placeholder}>`, `${summary} (default: ${[defaults[name]].flat().join(', ')})`)
  if (repeatable) option.argParser((text: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), text])
  return option
}

async function serve(command: Command): Promise<void> {
  const config = configOf(command)
  const log = createLog(config)
  const stopSignal = receiveStopSignal(log)
  const daemon = await startDaemon(config, log)
  sayWhatIsKept(config, log)
  for (const endpoint of daemon.endpoints) process.stdout.write(`[STATE DAEMON] Running at ${endpoint}\n`)
  const { endpoints, feed = 'off', metricsAddress = 'off', shards } = daemon
  log.info({ event: 'serving', version: serverVersion, endpoints, feed, metrics: metricsAddress, shards }, 'serving')
  const signal = await stopSignal
  log.info({ event: 'stopping', signal }, 'stopping: what was read is answered, what comes now is refused')
  await daemon.close()
  log.info({ event: 'stopped' }, 'stopped')
}

function configOf(command: Command): Config {
  const given = command.opts<Record<string, unknown>>()
  const flags = optionNames.map((name) => [name, given[flagOf(name).attributeName()]] as const)
  const file = given.config
  return loadConfig({
    flags: Object.fromEntries(flags.filter(([, value]) => value !== undefined)),
    ...(typeof file === 'string' ? { file } : {}),
    environment: process.env,
  })
}

/** Written at once and in this thread: the last lines before an end are those that are wanted. */
function createLog({ logLevel }: Config): Log {
  const options = {
    level: logLevel,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (level: string) => ({ level }) },
  }
  return limitedLog(pino(options, pino.destination({ fd: process.stderr.fd, sync: true })))
}

/** Nobody shall learn it from a loss. */
function sayWhatIsKept({ data, durability }: Config, log: Log): void {
  if (data !== undefined) log.info({ event: 'data_kept', durability, data }, 'states are kept on disk')
  else
    log.info(
      { event: 'nothing_kept', durability: 'memory' },
      'everything is in memory only: nothing is kept when this process ends',
    )
}

/** npm and the terminal both pass on the same Ctrl-C: what comes so soon after the first is no second one. */
const repeatMs = 1_000

/** Resolves with the first signal. A later one ends the process: whoever sends it does not want to wait. */
function receiveStopSignal(log: Log): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstAt: number | undefined
    const onSignal = (signal: NodeJS.Signals): void => {
      if (firstAt === undefined) {
        firstAt = performance.now()
        resolve(signal)
      } else if (performance.now() - firstAt > repeatMs) {
        log.warn({ event: 'ended_at_once', signal }, 'ended at once, before everything was answered')
        process.exit(failureStatus)
      }
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}
