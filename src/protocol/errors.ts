// Every refusal that Holdfast can answer with: its code, its words, whether the same request may succeed later, and
// whether the command may have run. Codes and details are decided elsewhere; words are made here and nowhere else.
import type { JsonObject, JsonValue } from './value.ts'

/** What a caller should make of a refusal; the class decides `retryable` and `mayHaveRun`. */
export type ErrorClass = 'request' | 'state' | 'try again' | 'storage' | 'unknown'

interface ErrorRow<Details> {
  readonly class: ErrorClass
  readonly meaning: string
  readonly message: (details: Details) => string
}

function row<Details>(
  errorClass: ErrorClass,
  meaning: string,
  message: (details: Details) => string,
): ErrorRow<Details> {
  return { class: errorClass, meaning, message }
}

/** Several names in the way that the seed's daemon, written in Python, shows a set: `{'a', 'b'}`. */
function nameSet(names: readonly string[]): string {
  return `{${names.map((name) => `'${name}'`).join(', ')}}`
}

/** What a record's field that follows a machine was, null for a new record, and the values that it could have taken. */
type FieldMove = {
  field: string
  value: JsonValue
  can: string[]
  row?: number
}

export const errorTable = {
  INVALID_JSON: row('request', 'The message is not JSON text.', (d: { reason: string }) => `Invalid JSON: ${d.reason}`),
  INVALID_REQUEST: row(
    'request',
    'The message is JSON, but not a request: a field is missing, unknown or of the wrong form.',
    (d: { reason: string }) => `Invalid request: ${d.reason}`,
  ),
  UNKNOWN_COMMAND: row(
    'request',
    'No command has this name.',
    (d: { command: string }) => `Unknown command '${d.command}'`,
  ),
  LIMIT_EXCEEDED: row(
    'request',
    'The request, or its reply, passes a bound that is named.',
    (d: { what: string; limit: number }) => `${d.what} exceeds the limit (${d.limit})`,
  ),
  UNSUPPORTED: row(
    'request',
    'The feature, protocol version, codec or schema keyword is known but not supported.',
    (d: { what: string; path?: string }) =>
      d.path === undefined ? `Unsupported: ${d.what}` : `Unsupported at '${d.path}': ${d.what}`,
  ),
  STATE_NOT_FOUND: row('state', 'No state has this name.', (d: { state: string }) => `State '${d.state}' not found`),
  STATE_EXISTS: row(
    'state',
    'A state of this name exists already.',
    (d: { state: string }) => `State '${d.state}' already exists`,
  ),
  WRONG_KIND: row(
    'state',
    'The state is of another kind than the command is for.',
    (d: { state: string; kind: string; expected: string }) =>
      `State '${d.state}' is of kind '${d.kind}', and the command is for '${d.expected}'`,
  ),
  SCHEMA_MISMATCH: row(
    'state',
    'The record does not fit the schema of the state.',
    (d: { missing?: string[]; unknown?: string[]; path?: string; expected?: string; row?: number }) =>
      `${d.row === undefined ? 'Record' : `Row ${d.row}`} does not match the schema: ${[
        ...(d.missing === undefined ? [] : [`missing fields ${nameSet(d.missing)}`]),
        ...(d.unknown === undefined ? [] : [`unknown fields ${nameSet(d.unknown)}`]),
        ...(d.expected === undefined ? [] : [`'${d.path ?? ''}' must be ${d.expected}`]),
      ].join(', ')}`,
  ),
  UNKNOWN_FIELDS: row(
    'state',
    'A patch names fields that the schema does not have.',
    (d: { fields: string[] }) => `PATCH contains unknown fields: ${nameSet(d.fields)}`,
  ),
  MAX_LENGTH_REACHED: row(
    'state',
    'The state holds as many records as it may.',
    (d: { state: string; max_length: number }) => `State '${d.state}' has reached max_length (${d.max_length})`,
  ),
  RECORD_EXISTS: row(
    'state',
    'A record with this id exists already.',
    (d: { id: number | string }) => `Record ${JSON.stringify(d.id)} already exists`,
  ),
  DUPLICATE_ID: row(
    'state',
    'Two rows of one list have the same id.',
    (d: { id: number | string; row: number }) => `Row ${d.row} repeats the id ${JSON.stringify(d.id)}`,
  ),
  ID_IMMUTABLE: row(
    'state',
    'The data names another id than the record has.',
    (d: { id: number | string }) => `The id of record ${JSON.stringify(d.id)} cannot be changed`,
  ),
  KEY_EXISTS: row('state', 'The key exists already.', (d: { key: string }) => `Key '${d.key}' already exists`),
  WRONG_TYPE: row(
    'state',
    'The value of the key is not of the type that the command works on.',
    (d: { key: string; expected: string }) => `The value of key '${d.key}' is not ${d.expected}`,
  ),
  VERSION_CONFLICT: row(
    'state',
    'What stands is not what the command expects; the details say what does.',
    (d: { expected: JsonValue; found: JsonValue }) =>
      typeof d.expected === 'number' && typeof d.found === 'number'
        ? `Conflict: expected version ${d.expected}, found ${d.found}`
        : 'Conflict: the record is not as expected',
  ),
  FENCED: row(
    'state',
    'The token that a write carries is older than the newest of its lock: somebody else has had the lock since.',
    (d: { lock: string; token: number; newest: number }) =>
      `Lock '${d.lock}' was granted with token ${d.newest} since token ${d.token}`,
  ),
  LOCK_NOT_HELD: row(
    'state',
    'Somebody else has the lock.',
    (d: { lock: string }) => `Lock '${d.lock}' is held by another owner`,
  ),
  COMPACTED: row(
    'state',
    'The changes after this version are not known any more: `oldest` is the first that is. Read the state, and go on from there.',
    (d: { state: string; since: number; oldest: number; version: number }) =>
      `The changes of '${d.state}' after version ${d.since} are gone: the oldest that is kept is ${d.oldest}`,
  ),
  TRANSACTION_FAILED: row(
    'state',
    'An operation of the transaction was refused, so none was run; `index` says which, and `cause` why.',
    (d: { index: number; cause: { code: string; message: string } }) =>
      `Operation ${d.index} was refused: ${d.cause.message}`,
  ),
  INVALID_DEFINITION: row(
    'state',
    'The schema, or the definition of a machine, is not well formed; the path leads to the fault.',
    (d: { path: string; reason: string }) => `Invalid definition at '${d.path}': ${d.reason}`,
  ),
  INSTANCE_EXISTS: row(
    'state',
    'An instance with this id exists already.',
    (d: { id: number | string }) => `Instance ${JSON.stringify(d.id)} already exists`,
  ),
  INSTANCE_NOT_FOUND: row(
    'state',
    'The machine has no instance with this id.',
    (d: { id: number | string }) => `Instance ${JSON.stringify(d.id)} not found`,
  ),
  INVALID_TRANSITION: row(
    'state',
    'The event is not possible where the instance stands, or the field of a record cannot become so; `can` names what is.',
    (d: { event: string; value: JsonValue; can: string[] } | FieldMove) => {
      const row = 'row' in d ? `Row ${d.row}: ` : ''
      const what = 'field' in d ? `${row}field '${d.field}' cannot go there` : `'${d.event}' is not possible`
      const where = d.value === null ? 'at first' : `from ${JSON.stringify(d.value)}`
      return `${what} ${where}${d.can.length === 0 ? '' : `, but ${nameSet(d.can)}`}`
    },
  ),
  SNAPSHOT_NOT_FOUND: row(
    'state',
    'There is no snapshot of this label, or none at all, or it does not hold the state that was named.',
    (d: { label?: string; state?: string }) => {
      if (d.label === undefined) return 'There is no snapshot yet'
      return d.state === undefined
        ? `Snapshot '${d.label}' not found`
        : `Snapshot '${d.label}' holds no state '${d.state}'`
    },
  ),
  KEY_REUSED: row(
    'state',
    'The idempotency key was used with another command on this state, a short while ago.',
    (d: { idempotency_key: string }) => `The idempotency key '${d.idempotency_key}' was used with another command`,
  ),
  REFUSED_BY_HOOK: row(
    'state',
    'Code that the operator added refuses the change; the reason is its own.',
    (d: { reason: string }) => `Refused by a hook: ${d.reason}`,
  ),
  BACKUP_EXISTS: row(
    'state',
    'A backup of this name exists already; none is ever replaced.',
    (d: { name: string }) => `Backup '${d.name}' already exists`,
  ),
  OVERLOADED: row(
    'try again',
    'A queue is full. The command did not run.',
    (d: { what: string }) => `Overloaded: ${d.what}`,
  ),
  SHARD_RECOVERING: row(
    'try again',
    'The shard of this state is starting. The command did not run.',
    (d: { shard: number }) => `Shard ${d.shard} is recovering`,
  ),
  SHUTTING_DOWN: row(
    'try again',
    'The daemon is stopping. The command did not run.',
    (_: Record<never, never>) => 'The daemon is shutting down',
  ),
  STORAGE_FULL: row(
    'storage',
    'The disk is full. The command did not run; reads go on, and so does what frees space.',
    (_: Record<never, never>) => 'The storage is full',
  ),
  STORAGE_FAILED: row(
    'storage',
    'The database could not be written; the reason is its own. The command did not run; reads go on.',
    (d: { reason: string }) => `The storage cannot be written: ${d.reason}`,
  ),
  SHARD_CORRUPT: row(
    'storage',
    'What the shard of this state had stored is damaged. Its file is left as it is; other shards serve.',
    (d: { shard: number; lost: string[] }) => `Shard ${d.shard} is damaged: ${d.lost.join('; ')}`,
  ),
  SNAPSHOT_DAMAGED: row(
    'storage',
    'What is stored of the snapshot is not what was written, so nothing was restored from it. States are not concerned.',
    (d: { label: string; shard: number; reason: string }) =>
      `Snapshot '${d.label}' is damaged on shard ${d.shard}: ${d.reason}`,
  ),
  QUARANTINED: row(
    'storage',
    'The shard of this state died too often within a short time, and is left down until RELEASE_SHARD. Other shards serve.',
    (d: { shard: number; deaths: number; reason: string; last_command: JsonObject | null }) =>
      `Shard ${d.shard} is quarantined after ${d.deaths} deaths; of the last the reason is: ${d.reason}`,
  ),
  SESSION_EXPIRED: row(
    'unknown',
    'A write message that is known no more came again: it may have run. The client library says OUTCOME_UNKNOWN.',
    (d: { number: number }) => `What became of write message ${d.number} is not known any more`,
  ),
  OUTCOME_UNKNOWN: row(
    'unknown',
    'The shard stopped, or took too long, before it answered: the command may have run.',
    (d: { reason: string }) => `The outcome is unknown: ${d.reason}`,
  ),
} as const satisfies Record<string, ErrorRow<never>>

export type ErrorCode = keyof typeof errorTable
export type DetailsOf<Code extends ErrorCode> = Parameters<(typeof errorTable)[Code]['message']>[0]

/** An error reply before it is encoded: data, never thrown across threads. */
export interface Refusal {
  readonly code: ErrorCode
  readonly message: string
  readonly details: JsonObject
}

export function refusal<Code extends ErrorCode>(code: Code, details: DetailsOf<Code>): Refusal {
  const message = (errorTable[code].message as (details: DetailsOf<Code>) => string)(details)
  return { code, message, details }
}

/** The documented form of an error reply. */
export function refusalReply({ code, message, details }: Refusal): JsonObject {
  return { status: 'error', code, message, ...details }
}

/** True if the same request, sent again unchanged, may succeed: it did not run, and what was in its way passes. */
export function isRetryable(code: ErrorCode): boolean {
  const errorClass: ErrorClass = errorTable[code].class
  // Of what can be wrong with storage, what the disk does not take now may pass by itself.
  return errorClass === 'try again' || code === 'STORAGE_FULL' || code === 'STORAGE_FAILED'
}

/** True if a caller cannot know whether the command ran. */
export function mayHaveRun(code: ErrorCode): boolean {
  const errorClass: ErrorClass = errorTable[code].class
  return errorClass === 'unknown'
}

export function isErrorCode(code: JsonValue | undefined): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorTable, code)
}
