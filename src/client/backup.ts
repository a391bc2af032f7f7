// What a backup came to. Owns nothing; the method that asks for one is in state-methods.ts.
import type { JsonObject } from '../protocol/value.ts'

/** A copy of everything, which is on the disk of the server. */
export interface Backup {
  readonly name: string
  /** Where it is, on the machine of the server. */
  readonly path: string
  /** The moment that it holds. */
  readonly at: Date
  /** How long it took. */
  readonly seconds: number
  readonly bytes: number
  readonly shards: number
}

/** Much data takes its time, and nothing waits for it. */
export const backupTimeoutMs = 3_600_000

export function backupOf({ name, path, at, seconds, bytes, shards }: JsonObject): Backup {
  return {
    name: name as string,
    path: path as string,
    at: new Date(Number(at) * 1_000),
    seconds: seconds as number,
    bytes: bytes as number,
    shards: shards as number,
  }
}
