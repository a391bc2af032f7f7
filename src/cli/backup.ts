// `holdfast backup`: has a daemon copy everything that it has, as it stands at one moment, into a folder under a name. What is
// printed says where that is; the daemon goes on meanwhile.
import type { Command } from 'commander'
import { Problem } from '../base/problem.ts'
import { printable } from '../protocol/envelope.ts'
import { isObject, type JsonObject } from '../protocol/value.ts'
import { addConnectionOptions, Connection, type ConnectionOptions } from './connection.ts'
import { statusOf } from './errors.ts'
import { escapedJson } from './escape.ts'

interface BackupOptions extends ConnectionOptions {
  readonly json?: true
}

const notes = `
The daemon makes the folder in the one that its option --backups names, by default DIR/backups in the folder of its data, on
its own machine and disk: copy it to another one. A name that is taken is refused. The copy is a whole data folder, which
'holdfast check' looks through and 'holdfast serve --data' starts from; docs/backup.md says how to restore.

Examples:
  holdfast backup nightly-$(date +%F)
  holdfast backup before-the-migration --endpoint ipc:///run/holdfast/holdfast.sock --json

The exit status is 0 once the backup is on the disk, 1 if it could not be made, and 2 for a misuse. Where the wait ends before
that, the daemon goes on with it.`

const timeoutMs = 3_600_000
const decimalUnits = ['bytes', 'kB', 'MB', 'GB', 'TB']

export function define(command: Command): void {
  command
    .description('Has a daemon copy everything, as it stands at one moment, into a folder of its backups.')
    .argument('<name>', 'what the folder is to be called: letters, digits, dots, dashes and underscores')
  addConnectionOptions(command, timeoutMs)
    .option('--json', 'the reply as one JSON object on standard output')
    .addHelpText('after', notes)
    .action(backup)
}

async function backup(name: string, options: BackupOptions): Promise<void> {
  const connection = new Connection(options)
  const reply = await connection.exchange(JSON.stringify({ cmd: 'BACKUP', name })).finally(() => connection.close())
  process.exitCode = statusOf(reply)
  if (options.json) process.stdout.write(`${escapedJson(reply, 0)}\n`)
  else if (!isObject(reply) || reply.status !== 'ok') throw problemOf(reply as JsonObject)
  else process.stdout.write(`${inWords(reply)}\n`)
}

function inWords(reply: JsonObject): string {
  const { path, shards, bytes, seconds } = reply as { path: string; shards: number; bytes: number; seconds: number }
  const counted = shards === 1 ? '1 shard' : `${shards} shards`
  return `${printable(path)}: ${counted}, ${sized(bytes)}, in ${seconds} s`
}

function sized(bytes: number): string {
  const power = Math.min(decimalUnits.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3))
  const value = bytes / 1_000 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${decimalUnits[power] ?? ''}`
}

const advice: Readonly<Record<string, string>> = {
  BACKUP_EXISTS: 'Choose another name, or move that backup away.',
  OVERLOADED: 'Try again when it is done.',
  STORAGE_FULL: 'Make room, or have the daemon keep its backups on another disk with --backups.',
  SHARD_CORRUPT: "Stop the daemon, and look at its folder with 'holdfast check'; what is whole can be copied as files.",
  UNSUPPORTED: 'Start the daemon with --data to have it keep anything.',
}

function problemOf(reply: JsonObject): Problem {
  const { code, message } = reply as { code: string; message: string }
  return new Problem(`no backup was made: ${printable(message)}.`, advice[code])
}
