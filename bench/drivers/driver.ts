// What a load generator can be told to do. A driver is one client of one server, or something that runs in the generator's
// own process; it knows its operations by name and does each as a program of one's own would.
import type { Operation } from '../support/load.ts'

export interface DriverOptions {
  /** Where the server is. */
  readonly endpoint: string
  /** How many records the table gets. */
  readonly records: number
  /** How many of these records are worked on. Default: all. */
  readonly recordsUsed?: number | undefined
  /** The tables to work on, where it is not the usual one. */
  readonly tables?: readonly string[] | undefined
  /** How long keys live, where they do not live for ever, in milliseconds. */
  readonly ttlMs?: number | undefined
  /** How many clients watch, where some do. Default: 100. */
  readonly watchers?: number | undefined
  /** How the bodies of commands are encoded, where that can be chosen. */
  readonly codec?: 'msgpack' | 'json' | undefined
}

export interface Driver {
  /** By name. */
  readonly operations: Readonly<Record<string, Operation>>
  /** How many commands one operation is. Default: 1. */
  readonly commandsPerOperation?: number
  close(): Promise<void> | void
}
