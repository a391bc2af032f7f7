// `holdfast call`: one message to a daemon, one reply from it. For people who try things, and for scripts: what is printed
// on standard output is the reply and nothing else.
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { Misuse } from '../base/problem.ts'
import { parseJson } from '../protocol/json.ts'
import { addConnectionOptions, Connection, type ConnectionOptions } from './connection.ts'
import { statusOf } from './errors.ts'
import { escapedJson } from './escape.ts'

interface CallOptions extends ConnectionOptions {
  readonly json?: true
}

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
  addConnectionOptions(command)
    .option('--json', 'print the reply in one line, as it is when the output is no terminal')
    .addHelpText('after', examples)
    .action(call)
}

async function call(given: string, options: CallOptions): Promise<void> {
  const message = given === '-' ? await text(process.stdin) : given
  refuseNonsense(message)
  const connection = new Connection(options)
  const reply = await connection.exchange(message).finally(() => connection.close())
  const forPeople = options.json === undefined && process.stdout.isTTY
  process.stdout.write(`${escapedJson(reply, forPeople ? 2 : 0)}\n`)
  process.exitCode = statusOf(reply)
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
