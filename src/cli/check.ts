// `holdfast check`: reads the databases of a folder that no daemon has, and says of each whether anything in it is
// damaged, stale or missing. Changes nothing in them, unless it is told to repair what is.
import type { Command } from 'commander'
import { defaultLimits } from '../base/limits.ts'
import { Misuse } from '../base/problem.ts'
import { databaseFile, openExistingFolder } from '../journal/folder.ts'
import { JournalCorrupt } from '../journal/journal.ts'
import { readDatabase } from '../journal/sqlite-read.ts'
import { printable } from '../protocol/envelope.ts'
import { Directory } from '../state/directory.ts'
import { failureStatus } from './errors.ts'
import { type Repaired, repairShards } from './repair.ts'

const notes = `
Every row is held against its checksum, all rows against the sum that the last commit left, and the last commit against
the number that is kept beside the database. The daemon does the same when it starts, and a shard in which anything is
wrong does not serve.

--repair makes a new database of all that is whole, and cannot bring back what is lost: a copy of the folder that you
have elsewhere may hold more. It says first what is lost, and asks. The old files stay, as shard-N.damaged-TIME.db, and
what was found and does not fit any more is written into shard-N.damaged-TIME.jsonl, a line of JSON for each row.
docs/data-folder.md says more.

Examples:
  holdfast check ./holdfast-data
  holdfast check ./holdfast-data --json
  holdfast check ./holdfast-data --repair

The exit status is 0 if everything is whole, or has been repaired, 1 if anything is damaged, and 2 for a misuse.`

/** What was found in the database of one shard. */
export interface Finding {
  readonly shard: number
  /** The last commit, and how many states there are; undefined where that cannot be told. */
  readonly commits?: number
  readonly states?: number
  readonly lost: readonly string[]
  /** What came of the repair, where one was wanted and something was lost. */
  readonly repair?: Repaired
}

export interface CheckOptions {
  readonly json?: boolean
  readonly repair?: boolean
  readonly yes?: boolean
  readonly startEmpty?: boolean
}

export function define(command: Command): void {
  command
    .description(
      'Looks for damage in the data folder of a daemon that does not run, and changes nothing unless told to.',
    )
    .argument('<dir>', 'the folder')
    .option('--json', 'one JSON object on standard output')
    .option('--repair', 'make the shards serve again, without what is lost')
    .option('--yes', 'with --repair: do not ask')
    .option('--start-empty', 'with --repair: a shard of which nothing can be read begins anew with nothing')
    .addHelpText('after', notes)
    .action((path: string, options: CheckOptions) => check(path, options))
}

async function check(path: string, options: CheckOptions): Promise<void> {
  const { json = false, repair = false, yes = false, startEmpty = false } = options
  if (!repair && (yes || startEmpty)) throw new Misuse('--yes and --start-empty belong to --repair.')
  if (repair && !yes && !process.stdin.isTTY) {
    throw new Misuse(
      'there is no terminal to ask on whether to repair.',
      'Say --yes to have it done without a question.',
    )
  }
  const folder = openExistingFolder(path)
  let findings: Finding[] = []
  try {
    for (let shard = 0; shard < folder.shards; shard += 1) findings.push(await look(path, shard))
    if (!json) for (const finding of findings) process.stdout.write(`${inWords(finding)}\n`)
    if (repair) findings = await repairShards(path, folder, findings, options)
  } finally {
    folder.release()
  }
  const isWhole = findings.every(({ lost, repair: { done } = { done: false } }) => lost.length === 0 || done)
  if (json) process.stdout.write(`${JSON.stringify({ ok: isWhole, shards: findings })}\n`)
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
