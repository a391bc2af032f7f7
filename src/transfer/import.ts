// Brings a file into a daemon. Chunks are parsed on other threads, ahead of the one whose rows are being sent; a few chunks are
// on their way at a time, so that the memory does not grow with the file. What is settled is kept as the progress, and there
// the next run goes on.
import { Misuse } from '../base/problem.ts'
import { type Client, HoldfastError } from '../client/index.ts'
import { type Refusal, refusal } from '../protocol/errors.ts'
import type { JsonValue } from '../protocol/value.ts'
import { type Chunk, chunksOf } from './chunks.ts'
import { type Column, columnsOf, readCells } from './csv.ts'
import type { Source } from './files.ts'
import { type Entry, malformed, type RowEntry, type StateEntry, type StateLine, type Totals } from './format.ts'
import { IdGiver } from './id-giver.ts'
import { addCounts, type Found, InFlight, noCounts, type Work } from './import-work.ts'
import type { BadLine, Layout, ParsedLine } from './parse.ts'
import type { ParsePool } from './parse-pool.ts'
import type { Counts, Progress } from './progress-file.ts'
import type { RefusedRow, RejectedFile } from './rejected-file.ts'
import { type Mode, type RowOutcome, RowWriter, refusalOf, type Target } from './write-rows.ts'

export interface ImportParts {
  /** Without one nothing is sent: the file is only looked at. */
  readonly client: Client | undefined
  readonly source: Source
  readonly pool: ParsePool
  readonly rejected: RejectedFile
}

export interface ImportOptions {
  readonly format: 'jsonl' | 'csv'
  /** The table for the rows of a file that names none. */
  readonly state: string | undefined
  readonly mode: Mode
  readonly delimiter: string
  readonly onError: 'stop' | 'skip'
  readonly progress: Progress | undefined
  /** Keeps what a later run begins from. */
  readonly save: (progress: Omit<Progress, 'version' | 'undertaking'>) => void
  readonly onRefused: (row: RefusedRow) => void
  readonly onRows: (rows: number) => void
  readonly signal: AbortSignal
}

type Stop =
  /** A row was refused; somebody wants no more. */
  | { readonly by: 'refusal' | 'signal' }
  /** The daemon is gone or cannot go on. */
  | { readonly by: 'daemon'; readonly error: HoldfastError }
  /** What has to be written here cannot be. */
  | { readonly by: 'itself'; readonly error: unknown }

export interface ImportResult {
  readonly stop: Stop | undefined
  readonly counts: Counts
  /** What is wrong with the file as a whole. */
  readonly problem: string | undefined
  /** The line that another run would begin with. */
  readonly line: number
}

const chunkBytes = 128 * 1024
/** Chunks that are parsed ahead, and chunks whose rows are on their way. */
const aheadMax = 4
const inFlightMax = 6
const saveGapMs = 250
/** What no message can carry, whatever the daemon is set to. */
const lineBytesMax = 16 * 1024 * 1024

const noneFound: Found = { states: 0, records: 0, keys: 0, instances: 0 }
const rowCounts = { record: 'records', key: 'keys', items: undefined, instance: 'instances' } as const

export class Importer {
  readonly #parts: ImportParts
  readonly #options: ImportOptions
  readonly #writer: RowWriter | undefined
  readonly #ids: IdGiver
  readonly #inFlight = new InFlight()
  /** Of what is settled, and of all that was answered. */
  readonly #counts: Counts
  #rows = 0
  #columns: readonly Column[] | null
  #place: { offset: number; line: number; state: StateLine | null; found: Found }
  readonly #found: Record<keyof Found, number>
  #state: StateLine | null
  #target: Target | Refusal | undefined
  #totals: Totals | undefined
  #hasBadLines = false
  #stop: Stop | undefined
  #savedAt = performance.now()

  constructor(parts: ImportParts, options: ImportOptions) {
    const { progress } = options
    this.#parts = parts
    this.#options = options
    this.#writer = parts.client && new RowWriter(parts.client, options.mode)
    this.#ids = new IdGiver(progress?.reserved ?? [])
    this.#counts = { ...(progress?.counts ?? noCounts) }
    this.#found = { ...noneFound, ...progress?.found }
    this.#columns = progress?.columns ?? null
    this.#state = progress?.state ?? null
    this.#place = {
      offset: progress?.offset ?? 0,
      line: progress?.line ?? 1,
      state: this.#state,
      found: { ...this.#found },
    }
  }

  /** Rejects with a `Problem` for a file that is no import at all. What the daemon has against it is in the result. */
  async run(): Promise<ImportResult> {
    const { signal } = this.#options
    const onAbort = (): void => this.#end({ by: 'signal' })
    signal.addEventListener('abort', onAbort)
    try {
      if (signal.aborted) onAbort()
      else await this.#takeAll()
    } catch (error) {
      // A source that was closed on purpose ends in an error of its own.
      if (error instanceof HoldfastError) this.#end({ by: 'daemon', error })
      else if (this.#stop === undefined) throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#parts.source.close()
      await this.#inFlight.over()
    }
    if (this.#stop?.by === 'itself') throw this.#stop.error
    return this.#result()
  }

  async #takeAll(): Promise<void> {
    const { state } = this.#options
    if (this.#state !== null) this.#target = await this.#begin(this.#state, false, 'insert')
    else if (state !== undefined && this.#options.format === 'jsonl') await this.#beginNamed({ state, kind: 'table' })
    for await (const [chunk, lines] of this.#parsed()) {
      await this.#send(chunk, lines)
      await this.#inFlight.until(() => this.#stop !== undefined || this.#inFlight.works.length < inFlightMax)
      if (this.#stop !== undefined) return
    }
  }

  /** The chunks of the file in their order, parsed while those before them are sent. */
  async *#parsed(): AsyncGenerator<[Chunk, ParsedLine[]], void, void> {
    const { format, delimiter, state } = this.#options
    const { offset, line } = this.#place
    const headAlone = format === 'csv' && this.#columns === null
    const bounds = { chunkBytes, lineBytesMax }
    const chunks = chunksOf(this.#parts.source.bytes, { format, delimiter, offset, line, headAlone, ...bounds })
    if (headAlone) {
      const head = await chunks.next()
      await this.#readHead(head.value ?? undefined)
    }
    const columns = this.#columns ?? []
    const layout: Layout =
      format === 'csv' ? { type: 'csv', columns, delimiter } : { type: state === undefined ? 'export' : 'records' }
    const ahead: [Chunk, Promise<ParsedLine[]>][] = []
    for await (const chunk of chunks) {
      const parsing = this.#parts.pool.parse(chunk, layout)
      // Whoever stops early never comes to it.
      parsing.catch(() => {})
      ahead.push([chunk, parsing])
      if (ahead.length > aheadMax) yield await first(ahead)
    }
    while (ahead.length > 0) yield await first(ahead)
  }

  /** The first line of CSV names the fields; the table is made with them where there is none. */
  async #readHead(chunk: Chunk | undefined): Promise<void> {
    const { state = '', delimiter } = this.#options
    const cells = readCells(Buffer.from(chunk?.bytes ?? []).toString('utf8'), delimiter)
    const fields = 'code' in cells ? [] : cells.map(({ text }) => text)
    if (chunk === undefined || fields.every((field) => field === '')) {
      throw new Misuse(
        'the first line of the file does not name the fields.',
        'CSV begins with a line such as id,name,age',
      )
    }
    const twice = fields.find((field, index) => fields.indexOf(field) !== index)
    if (twice !== undefined) throw new Misuse(`the first line names the field '${twice}' twice.`)
    await this.#beginNamed({ state, kind: 'table', fields })
    const reply = await this.#parts.client?.call({ cmd: 'GET_SCHEMA', state })
    this.#columns = columnsOf(fields, reply?.json_schema)
    this.#place = { ...this.#place, offset: chunk.end, line: chunk.nextLine, state: this.#state }
  }

  /** The table that was named beside the file. Nothing else can be done where it is refused. */
  async #beginNamed(line: StateLine): Promise<void> {
    this.#state = line
    this.#target = await this.#begin(line, false)
    if ('code' in this.#target) throw new Misuse(`${this.#target.message}.`)
    this.#counts.states += this.#target.isNew ? 1 : 0
    this.#place = { ...this.#place, state: line }
  }

  async #begin(line: StateLine, isWhole: boolean, mode?: Mode): Promise<Target | Refusal> {
    const { client } = this.#parts
    const writer = client && mode !== undefined ? new RowWriter(client, mode) : this.#writer
    return (await writer?.begin(line, isWhole)) ?? { name: line.state, kind: line.kind, bound: undefined, isNew: false }
  }

  async #send(chunk: Chunk, lines: readonly ParsedLine[]): Promise<void> {
    const work = this.#inFlight.add(chunk)
    const { overlong } = chunk
    if (overlong !== undefined) {
      const why = refusal('LIMIT_EXCEEDED', { what: 'The size of a line in bytes', limit: lineBytesMax })
      this.#refuse(work, overlong, { type: 'bad', ...why, text: '' }, why)
    }
    let ids: { next: number } | Refusal | undefined
    for (const [index, [line, entry]] of lines.entries()) {
      if (this.#stop !== undefined) return
      if (line === 1) checkFirst(entry, this.#options)
      if (entry.type === 'state') {
        ids = undefined
        await this.#takeState(work, line, entry)
      } else if (entry.type === 'record' && entry.data.id === undefined) {
        ids ??= await this.#reserve(lines, index)
        if ('code' in ids) this.#refuse(work, line, entry, ids)
        else await this.#takeRow(work, line, { ...entry, data: { id: ids.next++, ...entry.data } })
      } else if (isRow(entry)) await this.#takeRow(work, line, entry)
      else this.#takeOther(work, line, entry)
    }
    work.place = { offset: chunk.end, line: chunk.nextLine, state: this.#state, found: { ...this.#found } }
    this.#settle()
  }

  async #takeState(work: Work, line: number, entry: StateEntry): Promise<void> {
    this.#refuseBehindEnd(work, line, entry)
    this.#found.states += 1
    this.#state = entry.line
    this.#target = await this.#begin(entry.line, true)
    if ('code' in this.#target) this.#refuse(work, line, entry, this.#target)
    else if (this.#target.isNew) work.counts.states += 1
  }

  /** Ids for the records without one from here on to the end of the chunk or of the state. */
  async #reserve(lines: readonly ParsedLine[], from: number): Promise<{ next: number } | Refusal> {
    const target = this.#target
    if (target === undefined) return noState
    if ('code' in target) return target
    const end = lines.findIndex(([, { type }], index) => index > from && type === 'state')
    const rows = lines.slice(from, end < 0 ? undefined : end)
    const count = rows.filter(([, entry]) => entry.type === 'record' && entry.data.id === undefined).length
    const writer = this.#writer
    if (writer === undefined) return { next: 1 }
    try {
      const [line] = lines[from] as ParsedLine
      const reserve = (): Promise<number> => writer.reserve(target.name, count)
      return { next: await this.#ids.first(line, count, reserve, () => this.#save()) }
    } catch (error) {
      const refused = refusalOf(error)
      if (refused === undefined) throw error
      return refused
    }
  }

  async #takeRow(work: Work, line: number, entry: RowEntry): Promise<void> {
    const count = rowCounts[entry.type]
    if (count !== undefined) this.#found[count] += 1
    const target = this.#target ?? noState
    if ('code' in target) return this.#refuse(work, line, entry, target)
    const state = this.#state
    const take = (outcome: RowOutcome): void => {
      if (typeof outcome === 'object') this.#refuse(work, line, entry, outcome, state)
      else if (outcome !== 'written') work.counts[outcome] += 1
      else if (count !== undefined) work.counts[count] += 1
    }
    if (this.#writer === undefined) return take('written')
    work.begin()
    const writing = this.#writer
      .write(target, entry)
      .then(take)
      .then(() => this.#noticeAnswer(work))
      .catch((error: unknown) => {
        this.#end(error instanceof HoldfastError ? { by: 'daemon', error } : { by: 'itself', error })
        this.#noticeAnswer(work)
      })
    // The rest of a list goes behind what is there.
    if (entry.type === 'items') await writing
  }

  #takeOther(work: Work, line: number, entry: Exclude<Entry, RowEntry | StateEntry> | BadLine): void {
    if (entry.type === 'bad') {
      this.#hasBadLines = true
      this.#refuse(work, line, entry, entry)
    } else if (entry.type === 'end') this.#totals = entry.totals
    else if (line !== 1)
      throw new Misuse(`line ${line} is the first line of another export.`, 'Import them one by one.')
  }

  #refuseBehindEnd(work: Work, line: number, entry: StateEntry): void {
    if (this.#totals !== undefined) this.#refuse(work, line, entry, malformed('this stands behind the last line'))
  }

  #refuse(
    work: Work,
    line: number,
    entry: RowEntry | StateEntry | BadLine,
    why: { code: string; message: string },
    state = this.#state,
  ): void {
    this.#options.onRefused(work.refuse(line, entry, state, why))
    if (this.#options.onError === 'stop') this.#end({ by: 'refusal' })
  }

  #noticeAnswer(work: Work): void {
    work.end()
    this.#rows += 1
    this.#options.onRows(this.#rows)
    if (work.isAnswered) this.#settle()
    this.#inFlight.notice()
  }

  #end(stop: Stop): void {
    if (this.#stop !== undefined) return
    this.#stop = stop
    // Nobody waits any more for what a pipe may still bring.
    this.#parts.source.close()
    this.#inFlight.notice()
  }

  /** What is answered from the beginning of the file on is settled for good. */
  #settle(): void {
    const isSettled = ({ refused }: Work): boolean => refused.length === 0 || this.#options.onError === 'skip'
    let moved = false
    for (const { counts, refused, place } of this.#inFlight.settled(isSettled)) {
      addCounts(this.#counts, counts)
      this.#parts.rejected.write(refused.sort((one, other) => one.line - other.line))
      this.#place = place as NonNullable<typeof place>
      moved = true
    }
    if (!moved) return
    this.#ids.forgetBefore(this.#place.line)
    if (performance.now() - this.#savedAt >= saveGapMs) this.#save()
  }

  #save(): void {
    const { offset, line, state, found } = this.#place
    this.#options.save({
      offset,
      line,
      state,
      columns: this.#columns,
      counts: this.#counts,
      found,
      rejected_bytes: this.#parts.rejected.bytes,
      reserved: this.#ids.reserved,
    })
    this.#savedAt = performance.now()
  }

  #result(): ImportResult {
    const stop = this.#stop
    if (stop !== undefined) this.#save()
    const counts = { ...this.#counts }
    for (const work of this.#inFlight.works) {
      addCounts(counts, work.counts)
      this.#parts.rejected.write(work.refused.sort((one, other) => one.line - other.line))
    }
    const problem = stop === undefined ? this.#problem() : undefined
    return { stop, counts, problem, line: this.#place.line }
  }

  #problem(): string | undefined {
    if (this.#options.state !== undefined) return undefined
    if (this.#totals === undefined) return 'the file is cut short: its last line is missing'
    const totals = this.#totals as Readonly<Record<string, JsonValue | undefined>>
    const names = Object.keys(this.#found) as (keyof Found)[]
    const wrong = names.filter((name) => totals[name] !== undefined && totals[name] !== this.#found[name])
    if (wrong.length === 0 || this.#hasBadLines) return undefined
    const words = wrong.map((name) => `${JSON.stringify(totals[name])} ${name} and ${this.#found[name]} were found`)
    return `lines are missing or too many: the last one tells of ${words.join(', of ')}`
  }
}

const noState = malformed('no state was named before this line')

/** An export says that it is one, and records of one table do not. */
function checkFirst(entry: Entry | BadLine, { state, format }: ImportOptions): void {
  if (format === 'csv') return
  if (state !== undefined) {
    if (entry.type !== 'record' || entry.data.holdfast_export === undefined) return
    throw new Misuse('the file is an export, which names its states itself.', 'Leave --state out.')
  }
  if (entry.type === 'header') return
  if (entry.type === 'bad' && entry.text.includes('"holdfast_export"')) throw new Misuse(`${entry.message}.`)
  throw new Misuse(
    'the file does not begin like an export.',
    'Name the table with --state if each line is a record; docs/import-export.md shows both forms.',
  )
}

function isRow(entry: Entry | BadLine): entry is RowEntry {
  return entry.type === 'record' || entry.type === 'key' || entry.type === 'items' || entry.type === 'instance'
}

async function first(ahead: [Chunk, Promise<ParsedLine[]>][]): Promise<[Chunk, ParsedLine[]]> {
  const [chunk, parsing] = ahead.shift() as [Chunk, Promise<ParsedLine[]>]
  return [chunk, await parsing]
}
