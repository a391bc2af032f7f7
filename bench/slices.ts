// How long does one huge command keep everybody else waiting?
//
// Ours against a bound. One state gets a million records; it is read whole in one reply, and replaced by a message of the
// largest size; meanwhile another client reads from another state of the same shard at a fixed rate, each read timed from
// the moment at which it was meant to be sent. Shown are the daemon's own metric `holdfast_slice_longest_seconds` (since
// the start, so each row includes those above it), the number of slices longer than the bound, the other client's p99.9,
// and the pauses that the garbage collector of any thread reports by `--trace-gc`, which a slice may contain.
// The generators share the cores with the daemon: where there are few, the other client's times show that, too.
import { type Row, rowOf } from './report.ts'
import { Generator } from './support/generator.ts'
import type { Latencies } from './support/load.ts'
import { onStage, type Question } from './support/question.ts'
import { type Server, startDaemon } from './support/servers.ts'

const records = 1_000_000
const readsPerSecond = 500
const boundMs = 10
const phases: readonly [name: string, operation: string][] = [
  ['1 M records are created', 'fillSmall'],
  ['all are listed in one reply', 'listSmall'],
  ['all are replaced by the largest message', 'replaceSmall'],
]

export const slices: Question = {
  name: 'slices',
  question: 'the longest slice of a shard while one state is huge',
  answer: ({ seconds }) =>
    onStage(async (stage) => {
      const daemon = await stage.begin(startDaemon({ shards: 1, metrics: '127.0.0.1:0', nodeFlags: ['--trace-gc'] }))
      const { endpoint } = daemon
      const bulk = await stage.begin(Generator.start('holdfast', { endpoint, records }))
      const others = await stage.begin(Generator.start('plain', { endpoint, records: 100 }))
      await others.once('fill')
      const rest = await others.openLoop('get', readsPerSecond, Math.max(2, seconds))
      const rows: Row[] = [latencyRow('nothing else happens', rest)]
      for (const [what, operation] of phases) {
        const before = await readSlices(daemon)
        daemon.process.restOfLines()
        const latencies = await during(bulk.once(operation), others)
        const after = await readSlices(daemon)
        const pauses = pausesMs(daemon.process.restOfLines())
        const longPauses = pauses.filter((pause) => pause > boundMs)
        const goal = { bound: 'at most', value: boundMs } as const
        rows.push(
          rowOf({ what: `${what}: longest slice`, unit: 'ms', goal }, only(after.longestMs)),
          rowOf({ what: `${what}: slices above ${boundMs} ms`, unit: 'slices' }, only(after.long - before.long)),
          rowOf({ what: `${what}: longest GC pause`, unit: 'ms' }, only(Math.max(0, ...pauses))),
          rowOf({ what: `${what}: GC pauses above ${boundMs} ms`, unit: 'pauses' }, only(longPauses.length)),
          latencyRow(what, latencies),
        )
      }
      return { rows, notes: [`Other clients: one reads another state ${readsPerSecond} times a second.`] }
    }),
}

/** Other clients' latencies until the work is done: the worst of one-second loops. */
async function during(work: Promise<void>, others: Generator): Promise<Latencies> {
  let isDone = false
  const finished = work.finally(() => {
    isDone = true
  })
  let worst: Latencies | undefined
  do {
    const latencies = await others.openLoop('get', readsPerSecond, 1)
    if (worst === undefined || latencies.p999 > worst.p999) worst = latencies
  } while (!isDone)
  await finished
  return worst
}

function latencyRow(what: string, { p999 }: Latencies): Row {
  return rowOf({ what: `${what}: p99.9 of others`, unit: 'ms' }, only(p999))
}

function only(value: number): { name: string; values: number[] } {
  return { name: 'holdfast', values: [value] }
}

async function readSlices({ process }: Server): Promise<{ longestMs: number; long: number }> {
  const address = /"metrics":"([^"]+)"/.exec(process.errors)?.[1]
  const text = await (await fetch(`http://${address}/metrics`)).text()
  const sample = (pattern: RegExp): number => Number(pattern.exec(text)?.[1])
  const all = sample(/^holdfast_slice_duration_seconds_count\{.*\} (\S+)$/m)
  const short = sample(/^holdfast_slice_duration_seconds_bucket\{.*le="0\.01".*\} (\S+)$/m)
  return { longestMs: sample(/^holdfast_slice_longest_seconds\{.*\} (\S+)$/m) * 1_000, long: all - short }
}

/** In milliseconds, of the lines that `--trace-gc` writes for every thread. */
function pausesMs(lines: readonly string[]): number[] {
  return lines.map((line) => Number(/ms: .*?\) MB, (?:pooled: \S+ MB, )?([\d.]+) \//.exec(line)?.[1] ?? 0))
}
