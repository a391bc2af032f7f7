// What a person sees who opens a shard's database with SQL: the views hold what the engine holds, in the columns that
// docs/data-folder.md names; and databases of an earlier schema get them when they are opened.
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { schemaVersion } from '../../src/journal/sqlite-schema.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { Directory, type State } from '../../src/state/directory.ts'
import { occurrences } from '../../src/state/instance.ts'
import { contentsOf } from '../support/contents.ts'
import { fill } from '../support/every-kind.ts'
import { startedOn } from '../support/shard-harness.ts'
import { freshFile, journalOn, query, sqliteError, tamperedDatabase, withDatabase } from '../support/sqlite.ts'

const views = ['states', 'deleted_states', 'records', 'keys', 'list_items', 'leases', 'instances', 'history', 'changes']

async function filled() {
  const file = freshFile()
  const { harness, directory } = await startedOn(journalOn(file))
  await fill(harness, 12)
  return { file, harness, directory }
}

function parsed(rows: Record<string, unknown>[], ...columns: string[]): JsonObject[] {
  return rows.map((row) => {
    const given = columns.map((name): [string, JsonValue] => {
      return [name, row[name] === null ? null : (JSON.parse(row[name] as string) as JsonValue)]
    })
    return { ...row, ...Object.fromEntries(given) } as JsonObject
  })
}

/** A database as the first version of the schema had it, and the rows of a small one. */
const firstSchema = `
  CREATE TABLE rows (
    tbl TEXT NOT NULL, routing_key TEXT NOT NULL, key TEXT NOT NULL, bytes TEXT NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (tbl, routing_key, key)
  ) WITHOUT ROWID;
  CREATE TABLE batches (
    number INTEGER PRIMARY KEY, changes INTEGER NOT NULL, bytes TEXT NOT NULL, crc INTEGER NOT NULL
  );
  CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), bytes TEXT NOT NULL, crc INTEGER NOT NULL);
  CREATE VIEW states AS
    SELECT routing_key AS name, bytes ->> 'kind' AS kind, bytes ->> 'version' AS version, bytes ->> 'rows' AS length,
      bytes ->> 'epoch' AS epoch, bytes -> 'header' AS header
    FROM rows WHERE tbl = 'directory' AND key = 'state';
  CREATE VIEW deleted_states AS
    SELECT routing_key AS name, bytes ->> 'version' AS version
    FROM rows WHERE tbl = 'directory' AND key = 'deleted';
  CREATE VIEW records AS
    SELECT states.name AS state, rows.bytes ->> '$[1].id' AS id, rows.bytes ->> '$[0]' AS revision,
      rows.bytes -> '$[1]' AS record
    FROM states JOIN rows ON rows.tbl = 'records' AND rows.routing_key = states.name
      AND rows.key >= states.epoch || '/' AND rows.key < states.epoch || '0';
  CREATE VIEW keys AS
    SELECT states.name AS state, substr(rows.key, length(states.epoch) + 2) AS key, rows.bytes ->> 'version' AS version,
      rows.bytes ->> 'revision' AS revision, rows.bytes -> 'value' AS value, rows.bytes ->> 'list' AS list,
      rows.bytes ->> 'expires_at' AS expires_at
    FROM states JOIN rows ON rows.tbl = 'keys' AND rows.routing_key = states.name
      AND rows.key >= states.epoch || '/' AND rows.key < states.epoch || '0';
  CREATE VIEW changes AS
    SELECT batches.number AS batch, value ->> 'state' AS state, value ->> 'version' AS version, value ->> 'type' AS type,
      value ->> 'at' AS at, value ->> 'id' AS id, value ->> 'key' AS key, value -> 'old_value' AS old_value, value -> 'new_value' AS new_value
    FROM batches, json_each(batches.bytes);
  PRAGMA application_id = 1752132708;
  PRAGMA user_version = 1;`

describe('the views', () => {
  it('hold what the engine holds', async () => {
    const { file, directory } = await filled()
    const states = directory.names.range().map((name) => directory.get(name) as State)
    expect(query(file, 'SELECT name, kind, version, length FROM states ORDER BY name')).toEqual(
      states.map(({ name, kind, version, length }) => ({ name, kind, version, length })),
    )
    expect(query(file, 'SELECT * FROM deleted_states ORDER BY name')).toEqual([
      { name: 'gone', version: 2 },
      { name: 'left', version: 2 },
    ])
    for (const state of states) {
      const inState = `WHERE state = '${state.name}'`
      if (state.kind === 'table') {
        expect(parsed(query(file, `SELECT * FROM records ${inState}`), 'record')).toEqual(
          [...state.records.ordered.atLeast()].map(({ id, contents: { revision, record } }) => {
            return { state: state.name, id, revision, record }
          }),
        )
      } else if (state.kind === 'keys') {
        const keys = state.keys.names.range().map((key) => ({ key, ...state.keys.cells.get(key)?.contents }))
        expect(parsed(query(file, `SELECT * FROM keys ${inState} ORDER BY key`), 'value')).toEqual(
          keys.map(({ key, version, revision, value, list, encoding = null, createdAt, updatedAt, expiresAt }) => ({
            state: state.name,
            key,
            version,
            revision,
            value,
            encoding,
            list: list === undefined ? null : expect.any(String),
            created_at: createdAt,
            updated_at: updatedAt,
            expires_at: expiresAt,
          })),
        )
        const list = state.keys.cells.get('jobs')?.contents.list
        expect(parsed(query(file, `SELECT * FROM list_items ${inState} ORDER BY position`), 'item')).toEqual(
          [...(list?.items() ?? [])].map(({ value, deliveries }, position) => {
            return { state: state.name, key: 'jobs', position, item: value, deliveries }
          }),
        )
        expect(parsed(query(file, `SELECT * FROM leases ${inState} ORDER BY token`), 'item')).toEqual(
          list?.leases().map(({ token, leaseMs, item: { value, deliveries } }) => {
            return { state: state.name, key: 'jobs', token, item: value, deliveries, lease_ms: leaseMs }
          }),
        )
      } else {
        const instances = [...state.instances.ordered.atLeast()]
        const shown = query(file, `SELECT * FROM instances ${inState}`)
        expect(parsed(shown, 'value', 'context', 'deadlines')).toEqual(
          instances.map(({ id, contents: { configuration, context, deadlines, revision, createdAt, updatedAt } }) => ({
            state: state.name,
            id,
            value: configuration.value,
            context,
            deadlines: [...deadlines],
            revision,
            created_at: createdAt,
            updated_at: updatedAt,
          })),
        )
        expect(parsed(query(file, `SELECT * FROM history ${inState} ORDER BY version`), 'from', 'to')).toEqual(
          instances.flatMap(({ id, contents }) =>
            occurrences(contents.past, 100).map((each) => ({ state: state.name, id, ...each })),
          ),
        )
      }
    }
    const changes = query(file, "SELECT version, type FROM changes WHERE state = 'leads' ORDER BY version")
    expect(changes).toHaveLength(13)
    expect(changes.at(-1)).toEqual({ version: 12, type: 'created' })
  })

  it('have the columns that the documentation names', async () => {
    const { file } = await filled()
    const text = readFileSync(new URL('../../docs/data-folder.md', import.meta.url), 'utf8')
    const documented = [...text.matchAll(/^\| `(\w+)` +\| (`[^|]+`) +\|/gm)].map(([, view, columns = '']) => {
      return [view, columns.replaceAll('`', '').trim().split(', ')]
    })
    const columnsOf = (view: string) => query(file, `PRAGMA table_info(${view})`).map(({ name }) => name)
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(views.map((view) => [view, columnsOf(view)])))
  })
})

describe('a database of an earlier schema', () => {
  /** What the first version had stored. */
  async function ofFirstSchema(): Promise<{ file: string; before: object }> {
    const { file, harness, directory } = await filled()
    const before = contentsOf(directory)
    await harness.shard.stop()
    const old = freshFile()
    withDatabase(old, (database) => {
      database.exec(`PRAGMA journal_mode = WAL; ${firstSchema}; ATTACH '${file}' AS source`)
      for (const table of ['rows', 'batches', 'head']) {
        database.exec(`INSERT INTO main.${table} SELECT * FROM source.${table}`)
      }
    })
    return { file: old, before }
  }

  const stateOf = (file: string) => query(file, 'PRAGMA user_version')[0]?.user_version

  it('is brought forward when it is opened, with all that it holds', async () => {
    const { file, before } = await ofFirstSchema()
    expect(stateOf(file)).toBe(1)
    const { directory } = await startedOn(journalOn(file))
    expect(contentsOf(directory)).toEqual(before)
    expect(stateOf(file)).toBe(schemaVersion)
    expect(query(file, 'SELECT count(*) AS n FROM list_items')).toEqual([{ n: 14 }])
  })

  it('is as it was where that was killed in the middle, and is brought forward the next time', async () => {
    const { file, before } = await ofFirstSchema()
    const copy = join(dirname(file), 'copy.db')
    const kill = (sql: string): void => {
      if (sql !== 'COMMIT') return
      for (const ending of ['', '-wal']) if (existsSync(file + ending)) copyFileSync(file + ending, copy + ending)
      throw sqliteError(10, 'killed')
    }
    const journal = journalOn(file, { open: (path) => tamperedDatabase(path, { before: kill }) })
    await expect(journal.recover(new Directory(10))).rejects.toThrow('killed')
    for (const left of [copy, file]) {
      expect(stateOf(left)).toBe(1)
      const { directory } = await startedOn(journalOn(left))
      expect(contentsOf(directory)).toEqual(before)
      expect(stateOf(left)).toBe(schemaVersion)
    }
  })
})
