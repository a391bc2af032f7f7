// What the engine needs of a logger. The daemon gives it pino; an embedding program gives its own, or none.
// Values and tokens of users are never logged. Every line names its event, which is in the table of log-events.ts.
import type { LogEvent } from './log-events.ts'

export type { LogEvent } from './log-events.ts'

export interface LogFields {
  readonly event: LogEvent
  readonly [field: string]: unknown
}

export interface Log {
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }
