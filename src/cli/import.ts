// `holdfast import`: a file or a pipe into a daemon.
import { type Command, Option } from 'commander'
import { Misuse, Problem } from '../base/problem.ts'
import type { Client } from '../client/index.ts'
import { identityOf, openSource } from '../transfer/files.ts'
import { Importer, type ImportOptions, type ImportResult } from '../transfer/import.ts'
import { ParsePool } from '../transfer/parse-pool.ts'
import { type Progress, ProgressFile, type Undertaking } from '../transfer/progress-file.ts'
import { inWords, type RefusedRow, RejectedFile } from '../transfer/rejected-file.ts'
import type { Mode } from '../transfer/write-rows.ts'
import { addConnectionOptions, type ConnectionOptions } from './connection.ts'
import { failureStatus } from './errors.ts'
import { grouped, Meter, shownCounts } from './meter.ts'
import { addTransferOptions, connectTo, formatOf, patienceMs, stopSignal, type TransferOptions } from './transfer.ts'

interface ImportFlags extends ConnectionOptions, TransferOptions {
  readonly state?: string
  readonly mode: Mode
  readonly onError: 'stop' | 'skip'
  readonly rejected?: string
  readonly restart?: true
  readonly dryRun?: true
}

const notes = `
A file of JSON lines is an export, or with --state NAME one record of that table a line. CSV always needs --state; its first
line names the fields. Records without an id get the next ones. docs/import-export.md says more.

An import that was ended, by whatever, goes on when it is run again: FILE.progress says how far it has come, and a row that
was sent already counts once. Rows that are refused stand in FILE.rejected with the reason, to be mended and imported.

Examples:
  holdfast import backup.jsonl.gz
  holdfast import --state leads leads.csv
  holdfast import --state leads --on-error skip leads.jsonl
  pg_dump-as-json | holdfast import --state leads -

The exit status is 0 if every row is in, 1 if some were refused or the import was ended, and 2 for a misuse.`

export function define(command: Command): void {
  command
    .description('Brings states or records from a file into a daemon.')
    .argument('<file>', 'a file, compressed if its name ends in .gz; - reads standard input')
  addTransferOptions(addConnectionOptions(command, patienceMs))
    .option('--state <NAME>', 'the table for records, made if there is none')
    .addOption(
      new Option(
        '--mode <MODE>',
        'insert refuses what is there and differs, upsert overwrites it, replace empties first',
      )
        .choices(['insert', 'upsert', 'replace'])
        .default('insert'),
    )
    .addOption(
      new Option('--on-error <WHAT>', 'what a refused row does: stop the import, or skip the row')
        .choices(['stop', 'skip'])
        .default('stop'),
    )
    .option('--rejected <FILE>', 'where refused rows go; FILE.rejected without it')
    .option('--restart', 'begin with the first line, whatever was imported before')
    .option('--dry-run', 'look at the file only, and send nothing')
    .addHelpText('after', notes)
    .action(importFile)
}

/** So many refused rows are shown; all of them are in the file. */
const shownMax = 20

async function importFile(file: string, flags: ImportFlags): Promise<void> {
  const format = formatOf(file, flags)
  const { state, dryRun = false } = flags
  if (format === 'csv' && state === undefined) throw new Misuse('CSV needs a table.', 'Name it with --state.')
  if (state === undefined && file === '-' && process.stdin.isTTY) {
    throw new Misuse('there is nothing on standard input.', 'Pipe an export into it, or name a file.')
  }
  // A file that is not there is told before a daemon that is not.
  const identity = identityOf(file)
  const client = dryRun ? undefined : await connectTo(flags)
  try {
    const undertaking = identity && client && undertakingOf(identity, client, format, flags)
    await importInto(client, file, { ...flags, format, undertaking })
  } finally {
    await client?.close()
  }
}

function undertakingOf(
  file: Undertaking['file'],
  client: Client,
  format: string,
  { state, mode, delimiter }: ImportFlags,
): Undertaking {
  return { file, data_id: client.server.dataId, format, state: state ?? null, mode, delimiter }
}

type Job = ImportFlags & { readonly format: 'jsonl' | 'csv'; readonly undertaking: Undertaking | undefined }

async function importInto(client: Client | undefined, file: string, job: Job): Promise<void> {
  const { undertaking, restart = false, quiet: isQuiet = false, json = false } = job
  const progressFile = undertaking && new ProgressFile(file)
  if (restart) progressFile?.remove()
  const progress = undertaking && progressFile?.load(undertaking)
  const rejectedPath = client && (job.rejected ?? (file === '-' ? undefined : `${file}.rejected`))
  const rejected = new RejectedFile(rejectedPath, client?.server.version ?? '', progress?.rejected_bytes ?? 0)
  const source = openSource(file, progress?.offset ?? 0)
  const size = source.identity?.size
  const share = (): number | undefined =>
    size === undefined ? undefined : Math.min(1, source.bytesRead() / Math.max(size, 1))
  const meter = new Meter({ output: process.stderr, isQuiet, unit: 'rows', share })
  if (progress !== undefined && !isQuiet) meter.say(`going on at line ${grouped(progress.line)}`)
  const stop = stopSignal()
  const pool = new ParsePool()
  const shown: RefusedRow[] = []
  const options: ImportOptions = {
    format: job.format,
    state: job.state,
    mode: job.mode,
    delimiter: job.delimiter,
    onError: job.onError,
    progress,
    save(so) {
      if (undertaking !== undefined) progressFile?.save({ version: 1, undertaking, ...so })
    },
    onRefused(row) {
      if (shown.length >= shownMax) return
      shown.push(row)
      if (!json) meter.say(inWords(row))
    },
    onRows: (rows) => meter.notice(rows),
    signal: stop.signal,
  }
  try {
    const result = await new Importer({ client, source, pool, rejected }, options).run()
    // Last of all, when the report is out: who is killed before cannot know that all was in, and would import it again.
    if (result.stop === undefined) process.once('exit', () => progressFile?.remove())
    meter.end()
    tellResult(result, { job, file, shown, rejected, seconds: meter.seconds, meter, progress })
  } finally {
    meter.end()
    rejected.close()
    stop.release()
    await pool.close()
  }
}

interface Told {
  readonly job: Job
  readonly file: string
  readonly shown: readonly RefusedRow[]
  readonly rejected: RejectedFile
  readonly seconds: number
  readonly meter: Meter
  readonly progress: Progress | undefined
}

function tellResult(result: ImportResult, told: Told): void {
  const { job, file, shown, rejected, seconds, meter } = told
  const { stop, counts, problem, line } = result
  const isWhole = stop === undefined && problem === undefined && counts.refused === 0
  if (!isWhole) process.exitCode = failureStatus
  const rejectedPath = counts.refused === 0 ? null : (rejected.path ?? null)
  if (job.json) {
    const refusals = shown.map(({ line: at, code, message }) => ({ line: at, code, message }))
    const outcome = stop === undefined ? 'done' : stop.by === 'refusal' ? 'refused' : 'interrupted'
    const error = stop?.by === 'daemon' ? { code: stop.error.code, message: stop.error.message } : null
    const rate = Math.round(meter.count / Math.max(seconds, 0.001))
    const figures = { seconds: Math.round(seconds * 1000) / 1000, rows_per_second: rate }
    const report = {
      ok: isWhole,
      outcome,
      file,
      ...counts,
      refusals,
      rejected: rejectedPath,
      next_line: line,
      error,
      problem: problem ?? null,
    }
    process.stdout.write(`${JSON.stringify({ ...report, ...figures })}\n`)
    return
  }
  if (!(job.quiet && isWhole)) meter.say(summary(result, job.dryRun === true))
  if (counts.refused > shown.length) meter.say(`and ${grouped(counts.refused - shown.length)} more were refused`)
  if (rejectedPath !== null) meter.say(`the refused rows are in ${rejectedPath}: mend and import it`)
  if (problem !== undefined) throw new Problem(`${problem}.`, 'What is in the file was imported all the same.')
  if (stop === undefined) return
  const goesOn = job.undertaking === undefined ? undefined : `The same command goes on at line ${grouped(line)}.`
  if (stop.by === 'daemon') throw new Problem(`${stop.error.code}: ${stop.error.message}.`, goesOn)
  if (stop.by === 'signal') throw new Problem(`the import of '${file}' was stopped.`, goesOn)
  if (stop.by === 'refusal') {
    const advice = 'With --on-error skip the same command goes on without the rows that are refused.'
    throw new Problem('the import was ended by a row that was refused.', advice)
  }
}

function summary({ counts }: ImportResult, isDry: boolean): string {
  const { states, records, keys, instances, unchanged, expired, refused } = counts
  const rows = shownCounts({ record: records, key: keys, instance: instances })
  const more = [
    ...(states > 0 ? [`${shownCounts({ 'new state': states })}`] : []),
    ...(unchanged > 0 ? [`${shownCounts({ row: unchanged })} there already`] : []),
    ...(expired > 0 ? [`${shownCounts({ key: expired })} expired by now`] : []),
    ...(refused > 0 ? [`${shownCounts({ row: refused })} refused`] : []),
  ]
  return [`${isDry ? 'looked at' : 'imported'} ${rows}`, ...more].join('; ')
}
