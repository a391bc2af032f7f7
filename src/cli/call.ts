// `holdfast call`: one message to a daemon, one reply from it. For people who try things, and for scripts: what is printed
// on standard output is the reply and nothing else.
import { text } from 'node:stream/consumers'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { Request } from 'zeromq'
import { defaultEndpoint, parseEndpoint } from '../base/endpoint.ts'
import { Misuse, Problem } from '../base/problem.ts'
import { parseJson } from '../protocol/json.ts'
import { isObject, type JsonValue } from '../protocol/value.ts'
import { failureStatus } from './errors.ts'

interface CallOptions {
  readonly endpoint: string
  /** Milliseconds. */
  readonly timeout: number
  readonly json?: true
}

const timeoutSecondsMax = 86_400

const examples = `
Examples:
  holdfast call '{"cmd":"CREATE_STATE","state":"leads"}'
  holdfast call '[{"cmd":"PING"},{"cmd":"STATS"}]'
  jq -c '{cmd:"SET_STATE",state:"leads",data:.}' leads.json | holdfast call -

The exit status is 0 if the reply is ok (of a list: every reply), 1 if it is not or if there is none.`

export function define(command: Command): void {
  command
    .description('Sends one message to a daemon and prints its reply.')
    .argument('<message>', 'a command as a JSON object, or a list of commands; - reads it from standard input')
    .addOption(
      new Option('--endpoint <ENDPOINT>', 'where the daemon takes commands')
        .default(defaultEndpoint, defaultEndpoint)
        .argParser(readEndpoint),
    )
    .addOption(
      new Option('--timeout <SECONDS>', 'how long to wait for the reply').default(5_000, '5').argParser(readTimeout),
    )
    .option('--json', 'print the reply in one line, as it is when the output is no terminal')
    .addHelpText('after', examples)
    .action(call)
}

async function call(given: string, options: CallOptions): Promise<void> {
  const message = given === '-' ? await text(process.stdin) : given
  refuseNonsense(message)
  const reply = await exchange(message, options)
  const forPeople = options.json === undefined && process.stdout.isTTY
  process.stdout.write(`${JSON.stringify(reply, null, forPeople ? 2 : 0)}\n`)
  if (![reply].flat().every((part) => isObject(part) && part.status === 'ok')) process.exitCode = failureStatus
}

/** The daemon would refuse it too; but a mistake in the shell's quotes is better told where it was made. */
function refuseNonsense(message: string): void {
  const parsed = parseJson(message)
  if ('code' in parsed) {
    throw new Misuse(
      `${parsed.message}.`,
      `Put the message in single quotes, as in holdfast call '{"cmd":"PING"}', or pipe it into holdfast call -`,
    )
  }
  if (typeof parsed.value !== 'object' || parsed.value === null) {
    throw new Misuse('the message must be a JSON object, such as {"cmd":"PING"}, or a list of them.')
  }
}

async function exchange(message: string, { endpoint, timeout }: CallOptions): Promise<JsonValue> {
  const deadline = performance.now() + timeout
  // Without `immediate` a message would be queued for a daemon that is not there, and nobody could say whether it ran.
  const socket = new Request({ linger: 0, immediate: true, ipv6: endpoint.includes('['), sendTimeout: timeout })
  try {
    socket.connect(endpoint)
    await socket.send(message).catch(() => {
      throw new Problem(
        `nobody answers at ${endpoint}; the message was not sent.`,
        `Start a daemon with 'holdfast serve', or name the endpoint of one with --endpoint.`,
      )
    })
    socket.receiveTimeout = Math.max(1, Math.ceil(deadline - performance.now()))
    const [reply] = await socket.receive().catch(() => {
      throw new Problem(
        `no reply from ${endpoint} within ${timeout / 1000} s; the message was sent and may have been carried out.`,
        'Wait longer with --timeout, or look at the log of the daemon.',
      )
    })
    return parseReply(String(reply), endpoint)
  } finally {
    socket.close()
  }
}

function parseReply(reply: string, endpoint: string): JsonValue {
  try {
    return JSON.parse(reply) as JsonValue
  } catch {
    throw new Problem(`what ${endpoint} replied is not JSON: it is no holdfast.`, 'Name another with --endpoint.')
  }
}

function readEndpoint(given: string): string {
  const endpoint = parseEndpoint(given)
  if (endpoint === undefined || given.includes('*') || (endpoint.transport === 'tcp' && endpoint.port === 0)) {
    throw new InvalidArgumentError('It must be tcp://HOST:PORT or ipc://PATH.')
  }
  return given
}

function readTimeout(given: string): number {
  const seconds = /^\d*\.?\d+$/.test(given) ? Number(given) : 0
  if (seconds <= 0 || seconds > timeoutSecondsMax) {
    throw new InvalidArgumentError(`It must be a number of seconds, more than 0 and at most ${timeoutSecondsMax}.`)
  }
  return Math.ceil(seconds * 1000)
}
