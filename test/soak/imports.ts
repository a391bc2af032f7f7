// Imports that are killed without warning, again and again, wherever they are: the same command goes on, and in the end each
// row is there once, whether its file gave it an id or not. And imports that grow: the memory of the program must not.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { type Client, connect, type JsonObject } from '../../src/client/index.ts'
import { Program, startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const rowsPerImport = 30_000
/** An import is killed so long after its first new row at most. */
const killMsMax = 400
/** One in so many is killed by the clock instead, perhaps before it has begun. */
const oneInClocks = 4
const clockMsMax = 1_500

type Shape = 'records without ids' | 'records with ids' | 'an export'

/** A line of a file, with what tells it from the others. */
function lineOf(shape: Shape, index: number): JsonObject {
  if (shape === 'records without ids') return { n: index, text: `row ${index}` }
  if (shape === 'records with ids') return { id: index * 2 + 1, n: index, text: `row ${index}` }
  return { key: `key ${index}`, value: { n: index } }
}

/** Writes a file of so many rows, and resolves to its path. */
async function writeRows(
  file: string,
  rows: number,
  line: (index: number) => JsonObject,
  around: readonly JsonObject[] = [],
) {
  const out = createWriteStream(file)
  const [header, state, end] = around
  if (header !== undefined) out.write(`${JSON.stringify(header)}\n${JSON.stringify(state)}\n`)
  let text = ''
  for (let index = 0; index < rows; index += 1) {
    text += `${JSON.stringify(line(index))}\n`
    if (text.length < 65_536 && index < rows - 1) continue
    if (!out.write(text)) await new Promise<void>((resolve) => void out.once('drain', () => resolve()))
    text = ''
  }
  out.end(end === undefined ? '' : `${JSON.stringify(end)}\n`)
  await finished(out)
  return file
}

const aroundKeys = [{ holdfast_export: 1 }, { state: 'rows', kind: 'keys' }, { end: {} }]

/** Kills imports of one file until one comes to its end. */
async function importOnce(
  client: Client,
  file: string,
  shape: Shape,
  random: (below: number) => number,
  counts: Counts,
): Promise<void> {
  const length = async (): Promise<number> => {
    const info = await client.call({ cmd: 'GET_STATE_INFO', state: 'rows' }).catch(() => undefined)
    return (info?.current_length ?? 0) as number
  }
  const state = shape === 'an export' ? [] : ['--state', 'rows']
  for (;;) {
    const before = await length()
    const program = new Program(['import', '--endpoint', client.server.endpoint, '--json', ...state, file])
    const kill = (): void => void program.child.kill('SIGKILL')
    const byClock = random(oneInClocks) === 0
    const timer = byClock ? setTimeout(kill, random(clockMsMax)) : undefined
    if (!byClock) {
      while (!program.isOver && (await length()) === before) await new Promise((resolve) => setTimeout(resolve, 2))
      setTimeout(kill, random(killMsMax)).unref()
    }
    const { status, signal, stdout, stderr } = await program.over
    clearTimeout(timer)
    if (signal === 'SIGKILL') counts.kills = (counts.kills ?? 0) + 1
    // Killed after its report, it has come to its end.
    if (stdout.endsWith('}\n')) {
      deepStrictEqual((JSON.parse(stdout) as JsonObject).refusals, [])
      return
    }
    strictEqual(signal, 'SIGKILL', `the import fails with status ${status}: ${stderr}`)
  }
}

/** Every row once, in the order of the file, and no other. */
async function compare(client: Client, shape: Shape, rows: number): Promise<void> {
  if (shape === 'an export') {
    const { current_length: found } = await client.call({ cmd: 'GET_STATE_INFO', state: 'rows' })
    strictEqual(found, rows)
    return
  }
  const numbers: number[] = []
  const ids = new Set<unknown>()
  for await (const { id, n } of client.table<{ n: number }>('rows').list({ pageSize: 5_000 })) {
    numbers.push(n)
    ids.add(id)
  }
  const wrong = numbers.findIndex((n, index) => n !== index)
  const shown = numbers.slice(Math.max(0, wrong - 2), wrong + 3).join()
  strictEqual(wrong, -1, `${rows} ${shape}: ${numbers.length} are there, and about ${wrong} these: ${shown}`)
  strictEqual(numbers.length, rows, shape)
  strictEqual(ids.size, rows)
}

async function killImports({ seed, folder, goesOn }: CampaignRun, rows: number): Promise<Counts> {
  const random = randomFrom(seed)
  const counts = { imports: 0, kills: 0, rows: 0 }
  const { endpoint, program } = await startDaemon(['--memory'])
  const client = await connect(endpoint)
  const shapes: readonly Shape[] = ['records without ids', 'records with ids', 'an export']
  try {
    while (goesOn()) {
      const shape = shapes[counts.imports % shapes.length] as Shape
      const around = shape === 'an export' ? aroundKeys : []
      const file = await writeRows(
        join(folder, `${counts.imports}.jsonl`),
        rows,
        (index) => lineOf(shape, index),
        around,
      )
      await importOnce(client, file, shape, random, counts)
      await compare(client, shape, rows)
      await client.call({ cmd: 'DELETE_STATE', state: 'rows' })
      counts.imports += 1
      counts.rows += rows
    }
    return counts
  } finally {
    await client.close()
    await program.end()
  }
}

/** `rows`: how many each import brings. */
export function importKillCampaign(rows = rowsPerImport): Campaign {
  return {
    name: 'import-kills',
    tries: 'an import that is killed goes on when it is run again, and brings each row in once',
    run: (run) => killImports(run, rows),
  }
}

/** The most memory that a process has had at a time, in megabytes; undefined once it is over. */
function peakMegabytes(pid: number | undefined): number | undefined {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? undefined : Math.round(Number(kilobytes) / 1_024)
  } catch {
    return undefined
  }
}

async function growImports({ folder, goesOn }: CampaignRun, { from, to, megabytesMax }: Sizes): Promise<Counts> {
  const counts: Counts = {}
  for (let rows = from; rows <= to && goesOn(); rows *= 10) {
    const { endpoint, program: daemon } = await startDaemon(['--memory', '--shards', '2'])
    try {
      const file = await writeRows(join(folder, `${rows}.jsonl`), rows, (index) => ({ n: index }))
      const program = new Program(['import', '--endpoint', endpoint, '--json', '--quiet', '--state', 'rows', file])
      let peak = 0
      const sampler = setInterval(() => (peak = Math.max(peak, peakMegabytes(program.child.pid) ?? 0)), 100)
      const { status, stdout, stderr } = await program.over
      clearInterval(sampler)
      strictEqual(status, 0, stderr)
      const report = JSON.parse(stdout) as { records: number; rows_per_second: number }
      strictEqual(report.records, rows)
      ok(peak <= megabytesMax, `an import of ${rows} rows had ${peak} MB, more than ${megabytesMax}`)
      counts.rows = rows
      counts['rows a second'] = report.rows_per_second
      counts['peak, MB'] = peak
    } finally {
      await daemon.end()
    }
  }
  return counts
}

interface Sizes {
  /** Rows of the first import; each one after it has ten times as many. */
  readonly from: number
  readonly to: number
  readonly megabytesMax: number
}

export function importGrowthCampaign(sizes: Sizes = { from: 100_000, to: 10_000_000, megabytesMax: 512 }): Campaign {
  return {
    name: 'import-growth',
    tries: 'an import of ten million rows needs no more memory than one of a hundred thousand',
    run: (run) => growImports(run, sizes),
  }
}
