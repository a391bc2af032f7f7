// The database of a shard: its tables, the views for people who look into it with SQL, and how an older one is brought
// up to date. Statements that differ from version to version stand here; the driver's own stand in sqlite.ts.
import { ask, type Database, rollBack } from './sqlite-library.ts'

/** "hold", in the file's header: says whose it is. */
export const applicationId = 0x686f6c64

/** Each brings a database from one version of the schema to the next. None is ever changed once released. */
const migrations: readonly string[] = [
  `
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
  `,
  // Only views, each made anew: a step that was done already may be done again.
  `
  DROP VIEW IF EXISTS keys;
  CREATE VIEW keys AS
    SELECT states.name AS state, substr(rows.key, length(states.epoch) + 2) AS key, rows.bytes ->> 'version' AS version,
      rows.bytes ->> 'revision' AS revision, rows.bytes -> 'value' AS value, rows.bytes ->> 'encoding' AS encoding,
      rows.bytes ->> 'list' AS list, rows.bytes ->> 'created_at' AS created_at, rows.bytes ->> 'updated_at' AS updated_at,
      rows.bytes ->> 'expires_at' AS expires_at
    FROM states JOIN rows ON rows.tbl = 'keys' AND rows.routing_key = states.name
      AND rows.key >= states.epoch || '/' AND rows.key < states.epoch || '0';
  DROP VIEW IF EXISTS list_items;
  CREATE VIEW list_items AS
    SELECT place.state, place.key, row_number() OVER (PARTITION BY place.state, place.key ORDER BY rows.key) - 1 AS position,
      rows.bytes -> '$[0]' AS item, rows.bytes ->> '$[1]' AS deliveries
    FROM (
      SELECT states.name AS state, keys.key AS key, states.epoch || '/' || keys.list AS prefix
      FROM states JOIN keys ON keys.state = states.name WHERE keys.list IS NOT NULL
    ) AS place JOIN rows ON rows.tbl = 'items' AND rows.routing_key = place.state
      AND rows.key >= place.prefix || '/' AND rows.key < place.prefix || '0';
  DROP VIEW IF EXISTS leases;
  CREATE VIEW leases AS
    SELECT place.state, place.key, CAST(substr(rows.key, length(place.prefix) + 3) AS INTEGER) AS token,
      rows.bytes -> '$[0]' AS item, rows.bytes ->> '$[1]' AS deliveries, rows.bytes ->> '$[2]' AS lease_ms
    FROM (
      SELECT states.name AS state, keys.key AS key, states.epoch || '/' || keys.list AS prefix
      FROM states JOIN keys ON keys.state = states.name WHERE keys.list IS NOT NULL
    ) AS place JOIN rows ON rows.tbl = 'item_leases' AND rows.routing_key = place.state
      AND rows.key >= place.prefix || '/' AND rows.key < place.prefix || '0';
  DROP VIEW IF EXISTS instances;
  CREATE VIEW instances AS
    SELECT states.name AS state, rows.bytes ->> 'id' AS id, rows.bytes -> 'value' AS value,
      rows.bytes -> 'context' AS context, rows.bytes -> 'deadlines' AS deadlines, rows.bytes ->> 'revision' AS revision,
      rows.bytes ->> 'created_at' AS created_at, rows.bytes ->> 'updated_at' AS updated_at
    FROM states JOIN rows ON rows.tbl = 'instances' AND rows.routing_key = states.name
      AND rows.key >= states.epoch || '/' AND rows.key < states.epoch || '0';
  DROP VIEW IF EXISTS history;
  CREATE VIEW history AS
    SELECT instance.state, instance.id, CAST(substr(rows.key, length(instance.prefix) + 3) AS INTEGER) AS version,
      rows.bytes ->> 'event' AS event, rows.bytes -> 'from' AS "from", rows.bytes -> 'to' AS "to", rows.bytes ->> 'at' AS at
    FROM (
      SELECT states.name AS state, rows.bytes ->> 'id' AS id, rows.key AS prefix
      FROM states JOIN rows ON rows.tbl = 'instances' AND rows.routing_key = states.name
        AND rows.key >= states.epoch || '/' AND rows.key < states.epoch || '0'
    ) AS instance JOIN rows ON rows.tbl = 'history' AND rows.routing_key = instance.state
      AND rows.key >= instance.prefix || '/' AND rows.key < instance.prefix || '0';
  `,
  `
  CREATE VIEW locks AS
    SELECT routing_key AS name, bytes ->> 'token' AS token, bytes ->> 'owner' AS owner, bytes ->> 'ttl_ms' AS ttl_ms
    FROM rows WHERE tbl = 'locks';
  `,
  // Chunks are large, so they stand in a table of their own, with their places in an index beside it.
  `
  CREATE TABLE snapshot_chunks (
    snapshot TEXT NOT NULL, state TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (snapshot, state, number)
  );
  CREATE VIEW snapshots AS
    SELECT key AS id, bytes ->> 'label' AS label, bytes ->> 'at' AS at, bytes ->> 'states' AS states,
      bytes ->> 'records' AS records, bytes ->> 'bytes' AS bytes
    FROM rows WHERE tbl = 'snapshots';
  `,
]

export const schemaVersion = migrations.length

/** The version of a database's schema; 0 for a database without one. */
export function versionOf(database: Database): number {
  return Number(ask(database, 'PRAGMA user_version')?.user_version)
}

/** Brings the schema up to date, in one transaction for each step: a step that fails leaves nothing behind. */
export function migrate(database: Database): void {
  for (let version = versionOf(database); version < schemaVersion; version += 1) {
    try {
      database.exec('BEGIN IMMEDIATE')
      database.exec(`
        ${migrations[version] as string}
        PRAGMA application_id = ${applicationId};
        PRAGMA user_version = ${version + 1}`)
      database.exec('COMMIT')
    } catch (error) {
      rollBack(database)
      throw error
    }
  }
}
