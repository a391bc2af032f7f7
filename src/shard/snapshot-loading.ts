// Reads states back from the chunks of a snapshot, as they are to stand once they are restored: a slice at a time, and what
// is long journalled ahead, so that the change that shows it is small.
// Invariant: the states are held from before the first is read until what came of it is known, so versions stay true.
import type { Clocks } from '../base/clock.ts'
import type { Journal, StagedRows } from '../journal/journal.ts'
import type { StoredContentRow } from '../journal/kind-rows.ts'
import { kindNamed } from '../journal/kinds.ts'
import { restoredHeader, restoringOf } from '../journal/restoring.ts'
import { checksumOfChunk, summed } from '../journal/snapshot-chunks.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { partsOf, type StateChange, type StateParts } from '../state/change.ts'
import type { Directory, State } from '../state/directory.ts'
import type { Aside } from './aside.ts'
import { linesOf } from './chunk-text.ts'
import { committed, type Part } from './snapshot-writing.ts'

const linesPerStep = 64
const rowsPerCommit = 512

/** What is stored is not what was written. */
export class Damaged extends Error {
  override readonly name = 'Damaged'
}

export interface LoadedState {
  readonly name: string
  readonly version: number
  readonly versionBefore: number
  readonly parts: StateParts
  /** Records, keys or instances. */
  readonly length: number
  readonly generation: number | undefined
}

export interface LoadingOptions {
  readonly snapshot: string
  readonly journal: Journal
  readonly directory: Directory
  readonly now: Clocks
  /** Where rows are journalled ahead; undefined where nothing is. */
  readonly ahead: Ahead | undefined
}

/** The change that puts a state in the place of what stands. */
export function restoringChange(
  { name, parts, generation, ...versions }: LoadedState,
  directory: Directory,
  wall: number,
): StateChange {
  const live = directory.get(name)
  const { version, versionBefore } = versions
  return {
    subject: 'state',
    type: 'replaced',
    state: name,
    version,
    at: wall,
    before: live && partsOf(live),
    after: parts,
    restored: { versionBefore, generation },
  }
}

/** Throws `Damaged`, or a `NotCommitted` of what it journals ahead. */
export function* loadState(
  [name, chunks, sum]: Part['states'][number],
  options: LoadingOptions,
): Generator<Promise<unknown> | undefined, LoadedState, void> {
  const { directory, now } = options
  const live = directory.get(name)
  const versionBefore = live?.version ?? directory.firstVersionOf(name) - 1
  let loading: Loading | undefined
  let version = versionBefore
  let found = 0
  for (let number = 0; number < chunks; number += 1) {
    const chunk = readWhole({ snapshot: options.snapshot, state: name, number }, options.journal)
    found = summed(found, chunk.checksum)
    const lines = chunk.lines
    if (number === 0) {
      const header = JSON.parse(lines.shift() as string) as JsonObject
      version = Math.max(versionBefore, Number(header.version)) + 1
      loading = new Loading(name, header, live, { version, wall: now.wall }, options.ahead)
    }
    yield
    for (const [index, line] of lines.entries()) {
      loading?.take(JSON.parse(line) as [string, string, JsonValue])
      if (loading?.isFull === true) yield* loading.hand()
      if ((index + 1) % linesPerStep === 0) yield
    }
  }
  if (loading === undefined || found !== sum)
    throw new Damaged(`what is stored of state '${name}' is not what was written`)
  const state = yield* loading.finish()
  if (state.kind === 'keys') state.keys.restartLeases(now.mono)
  return { name, version, versionBefore, parts: partsOf(state), length: state.length, generation: loading.generation }
}

function readWhole(place: { snapshot: string; state: string; number: number }, journal: Journal) {
  const bytes = journal.readChunk(place)
  const what = `chunk ${place.number} of state '${place.state}'`
  if (bytes === undefined) throw new Damaged(`${what} is missing`)
  if (bytes === 'damaged') throw new Damaged(`${what} is damaged`)
  try {
    return { lines: linesOf(bytes), checksum: checksumOfChunk(place, bytes) }
  } catch {
    throw new Damaged(`${what} cannot be read`)
  }
}

/** Journals the rows of states ahead, those of several short ones together, under a generation that is theirs alone. */
export class Ahead {
  readonly generation: number
  readonly #aside: Aside
  #staged: StagedRows[] = []
  #rows = 0

  constructor(aside: Aside, generation: number) {
    this.#aside = aside
    this.generation = generation
  }

  *add(state: string, rows: readonly StoredContentRow[]): Generator<Promise<unknown>, void, void> {
    // A state without rows is shown like the others.
    this.#staged.push({ state, generation: this.generation, rows })
    this.#rows += rows.length + 1
    if (this.#rows >= rowsPerCommit) yield* this.commit()
  }

  *commit(): Generator<Promise<unknown>, void, void> {
    const staged = this.#staged
    this.#staged = []
    this.#rows = 0
    if (staged.length > 0) yield* committed(this.#aside, { staged })
  }
}

/** One state that is being made of its rows. */
class Loading {
  readonly generation: number | undefined
  readonly #name: string
  readonly #ahead: Ahead | undefined
  readonly #opening
  readonly #restoring
  #staged: StoredContentRow[] = []

  /** `ahead`: where its rows are journalled before it is shown. */
  constructor(
    name: string,
    header: JsonObject,
    live: State | undefined,
    moment: { readonly version: number; readonly wall: number },
    ahead: Ahead | undefined,
  ) {
    const kind = kindNamed(header.kind as string)
    if (kind === undefined) throw new Damaged(`state '${name}' is of the unknown kind '${header.kind as string}'`)
    this.#name = name
    this.#ahead = ahead
    this.generation = ahead?.generation
    this.#opening = kind.open(name, moment.version, restoredHeader(header.header as JsonObject, live))
    this.#restoring = restoringOf(header.kind as State['kind'], live, moment)
  }

  get isFull(): boolean {
    return this.#staged.length >= rowsPerCommit
  }

  take([table, key, value]: [string, string, JsonValue]): void {
    this.#put(this.#restoring.take({ table, key, value }))
  }

  /** Hands on what was read so far. */
  *hand(): Generator<Promise<unknown>, void, void> {
    const rows = this.#staged
    this.#staged = []
    if (this.#ahead !== undefined) yield* this.#ahead.add(this.#name, rows)
  }

  *finish(): Generator<Promise<unknown>, State, void> {
    this.#put(this.#restoring.end())
    yield* this.hand()
    return this.#opening.finish().state
  }

  #put(row: StoredContentRow | undefined): void {
    if (row === undefined) return
    this.#opening.load(row)
    if (this.generation !== undefined) this.#staged.push(row)
  }
}
