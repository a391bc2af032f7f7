// What the shard is doing, where it can still be read when its thread is gone: two plain stores in shared memory for each
// command. Which command that is, and on which state, the router finds among its pending requests, once it has to.
import { progressSlot } from '../protocol/mailbox.ts'
import type { Task } from './task.ts'

/** The next command of `task`, or of nobody's. */
export function showTask(progress: Int32Array, task: Task | undefined): void {
  progress[progressSlot.entry] = task?.id ?? 0
  const index = task?.answers.length ?? 0
  progress[progressSlot.command] = task?.part?.indexes[index] ?? index
}
