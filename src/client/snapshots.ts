// Snapshots of all states, or of some, under labels: made, listed, restored and removed. A client of a daemon and an engine
// in this process have them alike.
import type { JsonObject } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { given } from './given.ts'

export interface SnapshotOptions extends CallOptions {
  /** Only these states. Default: all. */
  readonly states?: readonly string[] | undefined
}

export interface Snapshot {
  readonly label: string
  readonly createdAt: Date
  /** How many states it holds. */
  readonly states: number
  /** How many records, keys and instances these had. */
  readonly records: number
  /** How much it takes, compressed. */
  readonly bytes: number
}

export interface NewSnapshot extends Snapshot {
  /** Whether there was another of its label, which is gone. */
  readonly replaced: boolean
  /** The labels of the oldest ones, which went since there were too many. */
  readonly dropped: readonly string[]
}

export type RestoredSnapshot = Pick<Snapshot, 'label' | 'createdAt' | 'states' | 'records'>

export class Snapshots {
  readonly #caller: Caller

  /** Use `client.snapshots` or `engine.snapshots`. */
  constructor(caller: Caller) {
    this.#caller = caller
  }

  /**
   * Keeps what all states, or some, hold at this moment; one of the same label is replaced, and of too many the oldest goes.
   * Rejects with `STATE_NOT_FOUND` for a state that is not there. Locks are not in it.
   */
  create(label: string, { states, ...options }: SnapshotOptions = {}): Promise<NewSnapshot> {
    const read = (reply: JsonObject): NewSnapshot => ({
      ...snapshotOf(reply),
      replaced: reply.replaced === true,
      dropped: reply.dropped as string[],
    })
    return this.#caller.run('CREATE_SNAPSHOT', '', given({ label, states: states && [...states] }), read, options)
  }

  /** All there are, the newest last. */
  list(options?: CallOptions): Promise<Snapshot[]> {
    return this.#caller.run(
      'LIST_SNAPSHOTS',
      '',
      {},
      (reply) => (reply.snapshots as JsonObject[]).map(snapshotOf),
      options,
    )
  }

  /**
   * Puts the states of a snapshot, by default of the newest one, in the place of what stands, all of them or none; states
   * that are not in it stay. Resolves to what was restored. Rejects with `SNAPSHOT_NOT_FOUND`, or `SNAPSHOT_DAMAGED`.
   */
  restore(label?: string | SnapshotOptions, options: SnapshotOptions = {}): Promise<RestoredSnapshot> {
    const { states, ...others } = typeof label === 'object' ? label : options
    const named = typeof label === 'string' ? label : undefined
    const args = given({ label: named, states: states && [...states] })
    return this.#caller.run('RESTORE_SNAPSHOT', '', args, restoredOf, others)
  }

  /** Removes a snapshot. Rejects with `SNAPSHOT_NOT_FOUND` if there is none of this label. */
  delete(label: string, options?: CallOptions): Promise<void> {
    return this.#caller.run('DELETE_SNAPSHOT', '', { label }, () => {}, options)
  }
}

function restoredOf({ label, created_at: createdAt, states, records }: JsonObject): RestoredSnapshot {
  return {
    label: label as string,
    createdAt: new Date((createdAt as number) * 1_000),
    states: states as number,
    records: records as number,
  }
}

function snapshotOf(reply: JsonObject): Snapshot {
  return { ...restoredOf(reply), bytes: reply.bytes as number }
}
