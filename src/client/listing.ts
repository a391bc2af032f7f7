// Reads all that a state of any kind holds, exactly as it stood at one version, however long that takes and whatever is
// written meanwhile: what happened between the first page and the last is made true in what was read.
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Caller } from './caller.ts'
import type { ChangesReader } from './changes-reader.ts'
import { type Contents, follow } from './contents.ts'
import { HoldfastError } from './error.ts'
import { given } from './given.ts'
import type { ChangeEvent } from './watch-events.ts'

export interface Listing {
  readonly version: number
  /** Whether its names are keys; otherwise they are ids. */
  readonly hasKeys: boolean
  readonly contents: Contents
}

export interface Listed {
  readonly caller: Caller
  readonly reader: ChangesReader
  readonly state: string
  readonly prefix: string | undefined
}

/** What was read, from its first version to its last. */
interface Reading extends Listing {
  readonly lastVersion: number
  /** Of names that were read on their own: up to which version their contents are known. */
  readonly known: Map<RecordId, number>
}

const itemsPerPage = 1_000

/** Rejects with `STATE_NOT_FOUND` if there is no such state. A keyspace that is not there yet is an empty one. */
export async function listState(listed: Listed): Promise<Listing> {
  for (;;) {
    const reading = await readOnce(listed)
    const listing = reading && (await madeExact(listed, reading))
    if (listing !== undefined) return listing
  }
}

/** Undefined if the state became another one meanwhile. */
async function readOnce(listed: Listed): Promise<Reading | undefined> {
  try {
    return await readKeys(listed)
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'WRONG_KIND') throw error
    const { kind } = error.details
    try {
      return kind === 'table'
        ? await readPages(listed, 'LIST_RECORDS', (reply) => (reply.records as JsonObject[]).map(recordEntry))
        : await readPages(listed, 'LIST_INSTANCES', (reply) => (reply.instances as JsonObject[]).map(instanceEntry))
    } catch (again) {
      if (again instanceof HoldfastError && again.code === 'WRONG_KIND') return undefined
      throw again
    }
  }
}

async function readPages(
  { caller, reader, state, prefix = '' }: Listed,
  command: 'LIST_RECORDS' | 'LIST_INSTANCES',
  entriesOf: (reply: JsonObject) => [RecordId, JsonValue][],
): Promise<Reading> {
  const contents: Contents = new Map()
  let version: number | undefined
  let after: string | undefined
  for (;;) {
    const args = given({ limit: itemsPerPage, after })
    const reply = await reader.persist((options) => caller.run(command, state, { ...args }, whole, options))
    const lastVersion = reply.version as number
    version ??= lastVersion
    for (const [id, value] of entriesOf(reply)) if (String(id).startsWith(prefix)) contents.set(id, value)
    after = reply.next as string | undefined
    if (after === undefined) return { version, lastVersion, hasKeys: false, contents, known: new Map() }
  }
}

/** All names are read at one moment, their values each at a moment of its own. */
async function readKeys({ caller, reader, state, prefix }: Listed): Promise<Reading> {
  const args = given({ prefix })
  const list = await reader.persist((options) => caller.run('LIST_KEYS', state, { ...args }, whole, options))
  const version = list.state_version as number
  const names = list.keys as string[]
  const contents: Contents = new Map()
  const known = new Map<RecordId, number>()
  let lastVersion = version
  for (let start = 0; start < names.length; start += itemsPerPage) {
    const page = names.slice(start, start + itemsPerPage)
    const replies = await Promise.all(
      page.map((key) => reader.persist((options) => caller.run('GET_KEY', state, { key }, whole, options))),
    )
    for (const [index, { value, version: keyVersion, state_version: at }] of replies.entries()) {
      const key = page[index] as string
      if (keyVersion !== 0) contents.set(key, value as JsonValue)
      if (at !== version) known.set(key, at as number)
      lastVersion = Math.max(lastVersion, at as number)
    }
  }
  return { version, lastVersion, hasKeys: true, contents, known }
}

/** Makes true what happened while the state was read; undefined where that cannot be told. */
async function madeExact({ reader }: Listed, reading: Reading): Promise<Listing | undefined> {
  const { lastVersion, hasKeys, contents, known } = reading
  let { version } = reading
  while (version < lastVersion) {
    const page = await reader.read(version, 0)
    if (page === 'lost') return undefined
    for (const change of page.changes) if (!takeUp(contents, known, change)) return undefined
    version = page.scannedTo
  }
  return { version, hasKeys, contents }
}

function takeUp(contents: Contents, known: Map<RecordId, number>, change: ChangeEvent): boolean {
  const { id, key, version } = change
  const name = key ?? id
  // What befell the whole removed the values that were read after it as well; what made them follows.
  if (name === undefined) known.clear()
  else if (version <= (known.get(name) ?? -1)) return true
  return follow(contents, change)
}

function recordEntry(record: JsonObject): [RecordId, JsonValue] {
  return [record.id as RecordId, record]
}

function instanceEntry({ id, value, context, done }: JsonObject): [RecordId, JsonValue] {
  return [id as RecordId, given({ value, context, done })]
}

function whole(reply: JsonObject): JsonObject {
  return reply
}
