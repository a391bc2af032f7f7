// `holdfast export`: states of a daemon into a file or a pipe.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { Misuse, Problem } from '../base/problem.ts'
import { printable } from '../protocol/envelope.ts'
import { Exporter, type ExportReport } from '../transfer/export.ts'
import { Sink } from '../transfer/files.ts'
import { addConnectionOptions, type ConnectionOptions } from './connection.ts'
import { Meter, shownCounts } from './meter.ts'
import {
  addTransferOptions,
  connectTo,
  daemonProblem,
  formatOf,
  patienceMs,
  stopSignal,
  type TransferOptions,
} from './transfer.ts'

interface ExportFlags extends ConnectionOptions, TransferOptions {
  readonly states?: readonly string[]
  readonly prefix?: string
  readonly oneMoment?: true
}

const notes = `
An export in JSON lines holds states of every kind, with all that is needed to make them again; one in CSV holds the records
of one table. Locks are not in it. Each page is one moment of its state, and a state is one moment if nobody wrote to it
meanwhile: the last line names those of which that is not so. docs/import-export.md says more.

Examples:
  holdfast export backup.jsonl.gz
  holdfast export --states leads,orders - | jq -c 'select(.record)'
  holdfast export --states leads leads.csv

The file appears when it is whole. The exit status is 0 if it is, 1 if it could not be made, and 2 for a misuse.`

export function define(command: Command): void {
  command
    .description('Writes states of a daemon into a file.')
    .argument('<file>', 'a file, compressed if its name ends in .gz; - writes to standard output')
  addTransferOptions(addConnectionOptions(command, patienceMs))
    .addOption(
      new Option('--states <NAMES>', 'these states, separated by commas, or as a JSON list; without it all').argParser(
        readNames,
      ),
    )
    .option('--prefix <TEXT>', 'the states whose names begin so')
    .option('--one-moment', 'fail if a state is written to while it is read')
    .addHelpText('after', notes)
    .action(exportStates)
}

async function exportStates(file: string, flags: ExportFlags): Promise<void> {
  const format = formatOf(file, flags)
  const { states, prefix, oneMoment = false, json = false, quiet: isQuiet = false, delimiter } = flags
  if (states !== undefined && prefix !== undefined) throw new Misuse('--states and --prefix exclude each other.')
  if (format === 'csv' && states?.length !== 1) throw new Misuse('CSV holds one table.', 'Name it with --states.')
  if (json && file === '-')
    throw new Misuse('--json would write into what is exported.', 'Leave one of --json and - out.')
  const client = await connectTo(flags)
  const stop = stopSignal()
  const meter = new Meter({ output: process.stderr, isQuiet, unit: 'rows', share: () => undefined })
  try {
    const sink = new Sink(file)
    const options = { states, prefix, format, delimiter, oneMoment, signal: stop.signal }
    const exporter = new Exporter(client, sink, { ...options, onRows: (rows) => meter.notice(rows) })
    const report = await exporter.run().catch((error: unknown) => {
      sink.abandon()
      // Whoever reads has enough.
      if (sink.isClosed) return undefined
      throw stop.signal.aborted ? new Problem('stopped; nothing was written.') : daemonProblem(error)
    })
    meter.end()
    if (report !== undefined) tellReport(report, file, meter.seconds, { json, isQuiet })
  } finally {
    meter.end()
    stop.release()
    await client.close()
  }
}

function tellReport(
  report: ExportReport,
  file: string,
  seconds: number,
  { json, isQuiet }: { json: boolean; isQuiet: boolean },
) {
  if (json)
    process.stdout.write(
      `${JSON.stringify({ ok: true, file, ...report, seconds: Math.round(seconds * 1000) / 1000 })}\n`,
    )
  for (const name of json ? [] : report.changed_while_read) {
    process.stderr.write(`holdfast: '${printable(name)}' was written to while it was read: it is not one moment.\n`)
  }
  if (isQuiet || json) return
  const { states, records, keys, instances } = report
  const rows = shownCounts({ record: records, key: keys, instance: instances })
  process.stderr.write(`exported ${rows} of ${shownCounts({ state: states })}\n`)
}

/** Names with a comma in them can stand in a JSON list. */
function readNames(given: string): readonly string[] {
  if (!given.startsWith('[')) return given.split(',')
  try {
    const names = JSON.parse(given) as unknown
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names
  } catch {
    // Told below.
  }
  throw new InvalidArgumentError('It must be names separated by commas, or a JSON list of names.')
}
