// What it means to decide a command: to look at what stands and to answer with what should be, touching nothing.
// A decision is synchronous, so nothing else can happen in the shard while it is made; its type has no room for a promise.
import type { Clocks } from '../base/clock.ts'
import type { Durability } from '../base/durability.ts'
import type { Limits } from '../base/limits.ts'
import type { Arguments, CommandName, CommandsOn } from '../protocol/commands.ts'
import { type DetailsOf, type ErrorCode, type Refusal, refusal } from '../protocol/errors.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Change, StagedRecords } from '../state/change.ts'
import type { Directory, State } from '../state/directory.ts'
import type { Keyspace } from '../state/keyspace.ts'
import type { Locks } from '../state/locks.ts'
import type { MachineState } from '../state/machine-state.ts'
import type { RecentChanges } from '../state/recent-changes.ts'
import type { Table } from '../state/table.ts'

/** What a command may know besides what it is decided on. */
export interface Context {
  /** The routing key: the name of the state or lock. */
  readonly state: string
  /** Read once for the whole batch. */
  readonly now: Clocks
  /** Which decision of the shard's life this is: no two have the same number. */
  readonly decision: number
  readonly limits: Limits
  readonly shard: number
  readonly durability: Durability
  /** What happened lately to the states of the shard. */
  readonly recent: RecentChanges
  /** What the shard counted so far, for STATS. */
  readonly statistics: (detail: boolean) => JsonObject
  /** The newest requests that took too long, for SLOWLOG, which may have them forgotten. */
  readonly slowLog: (limit: number, isReset: boolean) => JsonObject[]
  /** How many callers wait for a lock. */
  readonly lockWaiters: (lock: string) => number
  /** Whether this shard is the home of a name. */
  readonly owns: (name: string) => boolean
}

/** The command is refused; nothing changes. */
export interface Refuse {
  readonly outcome: 'refuse'
  readonly refusal: Refusal
}

/** The command succeeds: the fields of its reply, and the changes that make the reply true once committed. */
export interface Done {
  readonly outcome: 'done'
  readonly reply: JsonObject
  readonly changes: readonly Change[]
}

/**
 * What a step hands over: records to be journalled ahead, or changes that are true as soon as they are committed,
 * whatever becomes of the rest.
 */
export type Step = StagedRecords | readonly Change[] | undefined

/**
 * A command too big for one go. Each step of the generator takes well under a millisecond; the last one decides. Commands
 * on the same state wait meanwhile, all others run in between.
 */
export interface Steps {
  readonly outcome: 'steps'
  readonly steps: Generator<Step, Refuse | Done, void>
}

/**
 * There is nothing to answer with yet: the caller waits until something happens to the key or lock, and is answered with `reply`
 * if nothing that helps does before the deadline.
 */
export interface Park {
  readonly outcome: 'park'
  /**
   * Of the state that is the routing key; `lockQueue` for the lock of that name. Of `awaits: 'change'`, which waits for any
   * change of such names: how they begin.
   */
  readonly key: string
  readonly awaits?: 'change'
  /** On the clock that never goes back. */
  readonly deadline: number
  readonly reply: JsonObject
}

/** Where a caller waits for a lock: no key is named so. */
export const lockQueue = ''

export type Decision = Refuse | Done | Steps | Park

/** How many records a command may touch in one go; beyond, it has to be decided in steps. */
export const recordsAtOnceMax = 1_000
/** How many records one step may handle: some hundred microseconds of work. */
export const recordsPerStep = 128

interface Targets {
  table: Table
  keys: Keyspace
  machine: MachineState
  lock: Locks
  state: State
  directory: Directory
}

/** The functions that decide the commands `Names`, each on the target that the registry gives it. */
export type Deciders<Names extends CommandName> = {
  [Name in Names]: (target: TargetOf<Name>, args: Arguments<Name>, context: Context) => Decision
}

type TargetOf<Name extends CommandName> = {
  [T in keyof Targets]: Name extends CommandsOn<T> ? Targets[T] : never
}[keyof Targets]

export function refuse<Code extends ErrorCode>(code: Code, details: DetailsOf<Code>): Refuse {
  return { outcome: 'refuse', refusal: refusal(code, details) }
}

export function done(reply: JsonObject, changes: readonly Change[] = []): Done {
  return { outcome: 'done', reply, changes }
}

/** Decides small work at once and big work in steps, by the same generator. */
export function inSteps(steps: Steps['steps'], recordCount: number): Decision {
  if (recordCount > recordsAtOnceMax) return { outcome: 'steps', steps }
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}
