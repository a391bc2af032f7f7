// Exports and imports in a test, in its own process, against a daemon: text goes in or comes out, and what was refused.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'
import type { Client, JsonObject } from '../../src/client/index.ts'
import { Exporter, type ExportOptions, type ExportReport } from '../../src/transfer/export.ts'
import { openSource, Sink } from '../../src/transfer/files.ts'
import { Importer, type ImportOptions, type ImportResult } from '../../src/transfer/import.ts'
import { ParsePool } from '../../src/transfer/parse-pool.ts'
import type { Progress } from '../../src/transfer/progress-file.ts'
import { type RefusedRow, RejectedFile } from '../../src/transfer/rejected-file.ts'

/** Threads take a while to start, so that all tests of a file share them. */
let pool: ParsePool | undefined
afterAll(() => pool?.close())

/** A folder of the test's own. */
export function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-transfer-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Exported {
  readonly text: string
  readonly lines: JsonObject[]
  readonly report: ExportReport
}

export async function exported(
  client: Client,
  folder: string,
  options: Partial<ExportOptions> = {},
): Promise<Exported> {
  const file = join(folder, 'export')
  const { signal } = new AbortController()
  const all = { format: 'jsonl', delimiter: ',', oneMoment: false, onRows: () => {}, signal, ...options } as const
  const report = await new Exporter(client, new Sink(file), all).run()
  const text = readFileSync(file, 'utf8')
  const lines = all.format === 'csv' ? [] : text.trimEnd().split('\n')
  return { text, lines: lines.map((line) => JSON.parse(line) as JsonObject), report }
}

export interface Imported extends ImportResult {
  readonly refused: RefusedRow[]
  /** The file of refused rows; undefined where there is none. */
  readonly rejected: string | undefined
  readonly progress: Omit<Progress, 'version' | 'undertaking'> | undefined
}

export async function imported(
  client: Client | undefined,
  folder: string,
  text: string | Uint8Array,
  options: Partial<ImportOptions> = {},
): Promise<Imported> {
  const file = join(folder, 'import')
  const rejectedPath = join(folder, 'import.rejected')
  writeFileSync(file, text)
  const refused: RefusedRow[] = []
  let progress: Imported['progress']
  const { signal } = new AbortController()
  const all: ImportOptions = {
    format: 'jsonl',
    state: undefined,
    mode: 'insert',
    delimiter: ',',
    onError: 'skip',
    progress: undefined,
    save: (so) => (progress = structuredClone(so)),
    onRefused: (row) => refused.push(row),
    onRows: () => {},
    signal,
    ...options,
  }
  pool ??= new ParsePool()
  const rejected = new RejectedFile(rejectedPath, 'test', all.progress?.rejected_bytes ?? 0)
  const source = openSource(file, all.progress?.offset ?? 0)
  const result = await new Importer({ client, source, pool, rejected }, all).run()
  rejected.close()
  return {
    ...result,
    refused,
    rejected: existsSync(rejectedPath) ? readFileSync(rejectedPath, 'utf8') : undefined,
    progress,
  }
}

export function jsonLines(...lines: readonly JsonObject[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}
