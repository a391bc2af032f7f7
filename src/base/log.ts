// What the engine needs of a logger. The daemon gives it pino; an embedding program gives its own, or none.
// Values and tokens of users are never logged.

export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} }
