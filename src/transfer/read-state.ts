// What a state holds, page by page, with the versions that it showed. Pages grow and shrink with what is in them, so that one
// is about a megabyte, whether its rows are large or small.
import { type Client, HoldfastError } from '../client/index.ts'
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { KeyEntry, RowEntry, StateLine } from './format.ts'

export interface StatePage {
  readonly rows: RowEntry[]
  /** Of the state, as the replies said them. */
  readonly versions: readonly number[]
}

export type StatePages = AsyncGenerator<StatePage, void, void>

const pageBytes = 1024 * 1024
const firstLimit = 100
const limitMax = 5_000
/** Names are short. */
const keysPerPage = 1_000
/** A value may have a megabyte, and a list many: so few at first. */
const firstValues = 8
const valuesMax = 256

/** The records of a table, or the instances of a machine. */
export async function* readPages(client: Client, { state, kind }: StateLine): StatePages {
  const cmd = kind === 'table' ? 'LIST_RECORDS' : 'LIST_INSTANCES'
  let limit = firstLimit
  let after: JsonObject = {}
  for (;;) {
    const reply = await client.call({ cmd, state, limit, ...after }).catch((error: unknown) => {
      // Some large rows together are more than a reply may be.
      if (!(error instanceof HoldfastError && error.code === 'LIMIT_EXCEEDED') || limit === 1) throw error
    })
    if (reply === undefined) {
      limit = Math.max(1, limit >> 2)
      continue
    }
    const rows = rowsOf(reply)
    yield { rows, versions: [reply.version as number] }
    if (reply.next === undefined) return
    after = { after: reply.next }
    limit = nextLimit(limit, bytesOf(rows), limitMax)
  }
}

function rowsOf({ records, instances }: JsonObject): RowEntry[] {
  if (records !== undefined) return (records as JsonObject[]).map((data) => ({ type: 'record', data }))
  return (instances as JsonObject[]).map(({ id, value, context }) => ({
    type: 'instance',
    id: id as RecordId,
    value: value as string,
    context: context as JsonObject,
  }))
}

/** The keys of a keyspace, each asked for by its name: there is no command that lists values. */
export async function* readKeys(client: Client, state: string): StatePages {
  let after: JsonObject = {}
  let together = firstValues
  for (;;) {
    const {
      keys,
      next,
      state_version: version,
    } = await client.call({ cmd: 'LIST_KEYS', state, limit: keysPerPage, ...after })
    yield { rows: [], versions: [version as number] }
    const names = keys as string[]
    for (let at = 0; at < names.length; ) {
      const some = names.slice(at, at + together)
      const read = await Promise.all(some.map((key) => readKey(client, state, key)))
      at += some.length
      const rows = read.flatMap(({ row }) => row ?? [])
      yield { rows, versions: read.flatMap(({ versions }) => versions) }
      together = nextLimit(together, bytesOf(rows), valuesMax)
    }
    if (next === undefined) return
    after = { after: next }
  }
}

/** No row for a key that has gone since it was listed. */
async function readKey(client: Client, state: string, key: string): Promise<{ row?: KeyEntry; versions: number[] }> {
  const [found, { ttl, state_version: later }] = await Promise.all([
    client.call({ cmd: 'GET_KEY', state, key }),
    client.call({ cmd: 'GET_TTL', state, key }),
  ])
  const versions = [found.state_version as number, later as number]
  if (found.version === 0 || ttl === -2) return { versions }
  const expiresAt = ttl === -1 ? undefined : Math.round(Date.now() + (ttl as number) * 1_000) / 1_000
  const { value = null, encoding } = found
  const row: KeyEntry = {
    type: 'key',
    key,
    value,
    ...(encoding === 'base64' && { encoding }),
    ...(expiresAt !== undefined && { expiresAt }),
  }
  return { row, versions }
}

/** What a page of so many bytes makes of the limit of the next one; at most eight times as much. */
function nextLimit(limit: number, bytes: number, max: number): number {
  const wanted = Math.floor((limit * pageBytes) / Math.max(bytes, 1))
  return Math.min(Math.max(1, wanted), limit * 8, max)
}

function bytesOf(rows: readonly RowEntry[]): number {
  return rows.reduce((sum, row) => sum + JSON.stringify(row).length, 0)
}
