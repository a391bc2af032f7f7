#!/usr/bin/env node
// The command line: finds the verb, loads only that, and turns what becomes of it into words and an exit status: 0 for
// done, 1 for refused or failed, 2 for misused. Starts on import, with the arguments of the process.
import { Command, CommanderError } from 'commander'
import { serverVersion } from '../base/version.ts'
import { misuseStatus, tell } from './errors.ts'

interface Verb {
  readonly summary: string
  /** Loaded when it is wanted: the daemon's packages would make every other verb slow to start. */
  readonly load: () => Promise<{ define(command: Command): void }>
}

const verbs: Readonly<Record<string, Verb>> = {
  serve: { summary: 'run the daemon', load: () => import('./serve.ts') },
  call: { summary: 'send one command to a daemon and print its reply', load: () => import('./call.ts') },
  export: { summary: 'write states into a file', load: () => import('./export.ts') },
  import: { summary: 'bring a file into a daemon', load: () => import('./import.ts') },
  top: { summary: 'show live what a daemon is doing', load: () => import('./top.ts') },
  check: { summary: 'look for damage in a data folder', load: () => import('./check.ts') },
  snapshot: { summary: 'keep what all states hold, and put it back', load: () => import('./snapshot.ts') },
  backup: { summary: 'copy everything that a daemon has into a folder', load: () => import('./backup.ts') },
  shell: { summary: 'send commands to a daemon, as you type them or from a script', load: () => import('./shell.ts') },
}

const firstSteps = `
First steps:
  holdfast serve                    run the daemon; Ctrl-C ends it
  holdfast call '{"cmd":"PING"}'    ask it whether it is there
  holdfast shell                    ask it more, with help and completion
  holdfast VERB --help              what a verb can do, with an example`

async function programFor(args: readonly string[]): Promise<Command> {
  const program = new Command('holdfast')
    .description('A sharded, schema-enforced, in-memory state engine.')
    .usage('VERB [options]')
    .version(`holdfast ${serverVersion}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', firstSteps)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(inOurWords(text)) })
    .showHelpAfterError('  holdfast --help shows what there is.')
    .commandsGroup('Verbs:')
    .helpCommand('help [verb]', 'print the help of a verb')
  const wanted = args.find((arg) => !arg.startsWith('-'))
  for (const [name, { summary, load }] of Object.entries(verbs)) {
    const command = program.command(name).summary(summary).helpOption('-h, --help', 'print this help')
    command.showHelpAfterError(`  holdfast ${name} --help shows what there is.`)
    if (wanted === name || wanted === 'help') (await load()).define(command)
  }
  return program
}

function inOurWords(text: string): string {
  return text.replace(/^error: /, 'holdfast: ').replace(/\n\((Did you mean .*)\)/, '\n  $1')
}

async function run(args: readonly string[]): Promise<void> {
  try {
    const program = await programFor(args)
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    // Commander has said already what it has to say; besides help and version, that is always a misuse.
    if (!(error instanceof CommanderError)) process.exitCode = tell(error)
    else if (error.exitCode !== 0) process.exitCode = misuseStatus
  }
}

// Whoever reads our output may have had enough of it, as head has: that is no reason to fail.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

await run(process.argv.slice(2))
