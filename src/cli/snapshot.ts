// `holdfast snapshot`: makes, lists, restores and removes the snapshots of a daemon. What it prints for people says what
// was done; with --json it is the reply of the daemon and nothing else.
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { Misuse } from '../base/problem.ts'
import { isObject, type JsonObject } from '../protocol/value.ts'
import { addConnectionOptions, Connection, type ConnectionOptions } from './connection.ts'
import { statusOf } from './errors.ts'
import { escaped, escapedJson } from './escape.ts'

interface SnapshotOptions extends ConnectionOptions {
  readonly json?: true
  readonly states?: readonly string[]
  readonly yes?: true
}

const notes = `
A snapshot holds what all states, or some, held at one moment. To restore it puts them back as they were, their kinds and
schemas included; states that are not in it stay as they are, and locks are in none. docs/snapshots.md says more.

Examples:
  holdfast snapshot create before-update
  holdfast snapshot list
  holdfast snapshot restore before-update --states leads orders
  holdfast snapshot restore --yes
  holdfast snapshot delete before-update

The exit status is 0 if it was done, 1 if it was refused or failed, and 2 for a misuse.`

/** A snapshot of much data takes longer than most calls. */
const timeoutMs = 60_000

export function define(command: Command): void {
  command.description("Keeps what a daemon's states hold, and puts it back.").addHelpText('after', notes)
  const verb = (usage: string, description: string): Command => {
    const [name = ''] = usage.split(' ')
    const own = addConnectionOptions(command.command(usage).description(description))
      .option('--json', 'print the reply of the daemon, in one line')
      .helpOption('-h, --help', 'print this help')
    own.setOptionValue('timeout', timeoutMs)
    return own.showHelpAfterError(`  holdfast snapshot ${name} --help shows what there is.`)
  }
  const someStates = '--states <NAME...>'
  verb('create <label>', 'Keeps what stands now; another of this label is replaced.')
    .option(someStates, 'only these states')
    .action((label: string, options: SnapshotOptions) =>
      ask({ cmd: 'CREATE_SNAPSHOT', label, ...statesIn(options) }, options, created),
    )
  verb('list', 'Lists all there are, the newest last.').action((options: SnapshotOptions) =>
    ask({ cmd: 'LIST_SNAPSHOTS' }, options, listed),
  )
  verb('restore [label]', 'Puts back what a snapshot holds; without a label, the newest.')
    .option(someStates, 'only these states')
    .option('--yes', 'do not ask')
    .action((label: string | undefined, options: SnapshotOptions) => restore(label, options))
  verb('delete <label>', 'Removes a snapshot.').action((label: string, options: SnapshotOptions) =>
    ask({ cmd: 'DELETE_SNAPSHOT', label }, options, () => `snapshot '${escaped(label)}' is deleted\n`),
  )
}

async function restore(label: string | undefined, options: SnapshotOptions): Promise<void> {
  if (options.yes !== true && !process.stdin.isTTY) {
    throw new Misuse(
      'there is no terminal to ask on whether to replace what stands.',
      'Say --yes to have it done without a question.',
    )
  }
  if (options.yes !== true && !(await isConfirmed(label, options))) {
    process.stderr.write('nothing was restored\n')
    process.exitCode = 1
    return
  }
  await ask({ cmd: 'RESTORE_SNAPSHOT', ...(label !== undefined && { label }), ...statesIn(options) }, options, restored)
}

async function isConfirmed(label: string | undefined, { states }: SnapshotOptions): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // Ctrl-C and Ctrl-D are an answer too.
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
  const what = label === undefined ? 'the newest snapshot' : `snapshot '${escaped(label)}'`
  const which = states === undefined ? 'all the states in it' : states.map(escaped).join(', ')
  const question = `Put back ${which} from ${what}, and lose what they hold now? [y/N] `
  const answer = await Promise.race([terminal.question(question), closed])
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}

function statesIn({ states }: SnapshotOptions): JsonObject {
  return states === undefined ? {} : { states: [...states] }
}

async function ask(
  command: JsonObject,
  options: SnapshotOptions,
  inWords: (reply: JsonObject) => string,
): Promise<void> {
  const connection = new Connection(options)
  const reply = await connection.exchange(JSON.stringify(command)).finally(() => connection.close())
  process.exitCode = statusOf(reply)
  if (options.json === true || !isObject(reply)) process.stdout.write(`${escapedJson(reply)}\n`)
  else if (reply.status === 'ok') process.stdout.write(inWords(reply))
  else process.stderr.write(`holdfast: ${escaped(reply.message as string)}\n`)
}

function created(reply: JsonObject): string {
  const { label, replaced, dropped } = reply
  const lines = [
    `snapshot '${escaped(label as string)}': ${sizes(reply)}${replaced === true ? ', in place of an older one' : ''}`,
  ]
  for (const each of dropped as string[]) lines.push(`  the oldest, '${escaped(each)}', is gone: there were too many`)
  return `${lines.join('\n')}\n`
}

function restored(reply: JsonObject): string {
  const { label, states, records, created_at: createdAt } = reply
  return `restored ${states as number} states, ${records as number} records, from snapshot '${escaped(label as string)}' of ${timeOf(createdAt)}\n`
}

function listed({ snapshots }: JsonObject): string {
  const all = snapshots as JsonObject[]
  if (all.length === 0) return 'there is no snapshot yet\n'
  return all.map((each) => `${timeOf(each.created_at)}  ${escaped(each.label as string)}: ${sizes(each)}\n`).join('')
}

function sizes({ states, records, bytes }: JsonObject): string {
  return `${states as number} states, ${records as number} records, ${bytes as number} bytes`
}

function timeOf(seconds: JsonObject[string] | undefined): string {
  return new Date(Number(seconds) * 1_000).toISOString()
}
