// `holdfast check`: reads the databases of a folder that no daemon has, and says of each whether anything in it is
// damaged, stale or missing. Changes nothing in them.
import type { Command } from 'commander'
import { defaultLimits } from '../base/limits.ts'
import { databaseFile, openExistingFolder } from '../journal/folder.ts'
import { JournalCorrupt } from '../journal/journal.ts'
import { readDatabase } from '../journal/sqlite-read.ts'
import { printable } from '../protocol/envelope.ts'
import { Directory } from '../state/directory.ts'
import { failureStatus } from './errors.ts'

const notes = `
Every row is held against its checksum, all rows against the sum that the last commit left, and the last commit against
the number that is kept beside the database. The daemon does the same when it starts.

Examples:
  holdfast check ./holdfast-data
  holdfast check ./holdfast-data --json

The exit status is 1 if anything is damaged.`

/** What was found in the database of one shard. */
interface Finding {
  readonly shard: number
  /** The last commit, and how many states there are; undefined where that cannot be told. */
  readonly commits?: number
  readonly states?: number
  readonly lost: readonly string[]
}

export function define(command: Command): void {
  command
    .description('Looks for damage in the data folder of a daemon that does not run, and changes nothing.')
    .argument('<dir>', 'the folder')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', notes)
    .action((path: string, { json = false }: { json?: boolean }) => check(path, json))
}

async function check(path: string, asJson: boolean): Promise<void> {
  const folder = openExistingFolder(path)
  const findings: Finding[] = []
  try {
    for (let shard = 0; shard < folder.shards; shard += 1) findings.push(await look(path, shard))
  } finally {
    folder.release()
  }
  const isWhole = findings.every(({ lost }) => lost.length === 0)
  if (asJson) process.stdout.write(`${JSON.stringify({ ok: isWhole, shards: findings })}\n`)
  else for (const finding of findings) process.stdout.write(`${inWords(finding)}\n`)
  if (!isWhole) process.exitCode = failureStatus
}

async function look(path: string, shard: number): Promise<Finding> {
  const directory = new Directory(defaultLimits.deletedNamesPerShardMax)
  try {
    const loaded = await readDatabase(directory, { file: databaseFile(path, shard), readsLog: true })
    return { shard, commits: loaded?.head.number ?? 0, states: directory.size, lost: [] }
  } catch (error) {
    if (!(error instanceof JournalCorrupt)) throw error
    return { shard, lost: error.problems }
  }
}

function inWords({ shard, commits = 0, states = 0, lost }: Finding): string {
  if (lost.length === 0) return `shard ${shard}: whole, ${states} states, ${commits} commits`
  return [`shard ${shard}: DAMAGED`, ...lost.map((problem) => `  ${printable(problem)}`)].join('\n')
}
