// What a shard has in hand: the batch of this turn, and the jobs that go on over several.
// Owned by the actor, which alone changes them.
import type { Clocks } from '../base/clock.ts'
import type { Step } from '../command/decide.ts'
import { progressSlot, type ReplyBody } from '../protocol/mailbox.ts'
import type { Change, StagedRecords } from '../state/change.ts'
import type { EncodingSteps } from './encode.ts'
import type { Settled } from './executor.ts'
import type { Task } from './task.ts'

/** Work that goes on over several turns: a command decided in steps, or a long reply that is encoded in steps. */
export type Job =
  | {
      readonly kind: 'command'
      readonly task: Task
      readonly steps: Generator<Step, Settled, void>
      /** What its slices took so far. */
      tookMs: number
    }
  | {
      readonly kind: 'reply'
      readonly task: Task
      readonly ids: readonly number[]
      readonly steps: EncodingSteps
      tookMs: number
    }

/** What one turn decided, and what of it has to be taken back if it cannot be committed. */
export interface Batch {
  readonly now: Clocks
  readonly changes: Change[]
  readonly staged: StagedRecords[]
  /** The requests that were taken up, and how many answers each had before. */
  readonly begun: { readonly task: Task; readonly answersBefore: number }[]
  /** The command that took its steps in this turn. */
  stepped: Task | undefined
  /** Whether a reply is to be committed, though the last step of its command changed nothing. */
  keeps: boolean
  commands: number
}

export function newBatch(now: Clocks): Batch {
  return { now, changes: [], staged: [], begun: [], stepped: undefined, keeps: false, commands: 0 }
}

/** Gives a job its slice. What it came to, or undefined while it is not done. */
export function workOn(
  job: Job,
  sliceMs: number,
  progress: Int32Array,
  onStep: (step: NonNullable<Step>) => void,
): Settled | ReplyBody | undefined {
  let at = performance.now()
  for (const deadline = at + sliceMs; at < deadline; ) {
    Atomics.add(progress, progressSlot.steps, 1)
    const step = job.steps.next()
    const before = at
    at = performance.now()
    job.tookMs += at - before
    if (step.done) return step.value
    if (step.value !== undefined) onStep(step.value)
  }
  return undefined
}

/** The journal could not say whether a commit holds: only a new start can tell. */
export class JournalFailure extends Error {
  override readonly name = 'JournalFailure'
}
