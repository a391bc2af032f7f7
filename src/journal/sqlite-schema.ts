// The database of a shard: its tables, the views for people who look into it with SQL, and how an older one is brought
// up to date. Statements that differ from version to version stand here; the driver's own stand in sqlite.ts.
import { ask, type Database } from './sqlite-library.ts'

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
  `
  CREATE VIEW locks AS
    SELECT routing_key AS name, bytes ->> 'token' AS token, bytes ->> 'owner' AS owner, bytes ->> 'ttl_ms' AS ttl_ms
    FROM rows WHERE tbl = 'locks';
  `,
]

export const schemaVersion = migrations.length

/** The version of a database's schema; 0 for a database without one. */
export function versionOf(database: Database): number {
  return Number(ask(database, 'PRAGMA user_version')?.user_version)
}

/** Brings the schema up to date, in one transaction for each step. */
export function migrate(database: Database): void {
  for (let version = versionOf(database); version < schemaVersion; version += 1) {
    database.exec(`
      BEGIN IMMEDIATE;
      ${migrations[version] as string}
      PRAGMA application_id = ${applicationId};
      PRAGMA user_version = ${version + 1};
      COMMIT`)
  }
}
