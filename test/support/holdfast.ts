// The built program in a test, never left running by it.
import { onTestFinished } from 'vitest'
import { readScrape } from './exposition.ts'
import { type Outcome, Program, type ProgramOptions, type RunningDaemon, startDaemon } from './program.ts'

/** Runs the program to its end. */
export async function run(args: readonly string[], options?: ProgramOptions): Promise<Outcome> {
  const program = new Program(args, options)
  onTestFinished(() => program.end())
  return program.over
}

/** A daemon for one test. */
export async function daemonOfTest(args?: readonly string[], options?: ProgramOptions): Promise<RunningDaemon> {
  const daemon = await startDaemon(args, options)
  onTestFinished(() => daemon.program.end())
  return daemon
}

/** One number of the daemon's metrics. */
export async function metricOfDaemon({ metrics }: RunningDaemon, series: string): Promise<number | undefined> {
  const response = await fetch(`http://${metrics}/metrics`)
  return readScrape(await response.text()).samples.get(series)
}
