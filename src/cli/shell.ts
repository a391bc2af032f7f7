// `holdfast shell`: commands typed or piped, one after the other, and replies that people can read. On a terminal it is a
// session with a prompt; otherwise a script, with an exit status.
import type { Command } from 'commander'
import { addConnectionOptions, Connection, type ConnectionOptions } from './connection.ts'
import { History, historyFile } from './shell/history.ts'
import { plainLook, widthOf } from './shell/look.ts'
import { runScript } from './shell/script.ts'
import { Session } from './shell/session.ts'
import { runTerminal } from './shell/terminal.ts'

interface ShellOptions extends ConnectionOptions {
  readonly json?: true
  readonly stopOnError?: true
}

const notes = `
Inside, help shows the commands and how they are written, and help COMMAND what one of them takes. What was typed is
kept in ~/.holdfast_history, or in the file that HOLDFAST_HISTORY names.

Examples:
  holdfast shell
  echo 'LIST_RECORDS leads limit=5' | holdfast shell
  holdfast shell --json --stop-on-error < script

In a script a line that begins with # is a comment. The exit status of a script is 2 if something in it was not
understood, otherwise 1 if a reply was not ok or did not come, otherwise 0.`

export function define(command: Command): void {
  command.description('Sends commands to a daemon, as you type them or from a pipe, and shows the replies.')
  addConnectionOptions(command)
    .option('--json', 'print each reply as it is, in one line')
    .option('--stop-on-error', 'end a script at the first command that is refused or not understood')
    .addHelpText('after', notes)
    .action(shell)
}

async function shell(options: ShellOptions): Promise<void> {
  const { stdin, stdout } = process
  const connection = new Connection(options)
  const session = new Session(connection)
  const json = options.json === true
  try {
    if (stdin.isTTY && stdout.isTTY) {
      const history = new History(historyFile(process.env))
      await runTerminal({ session, endpoint: options.endpoint, history, input: stdin, output: stdout, json })
      return
    }
    const stopOnError = options.stopOnError === true
    const look = { ...plainLook, width: widthOf(stdout) }
    process.exitCode = await runScript({ session, input: stdin, look, json, stopOnError })
  } finally {
    connection.close()
  }
}
