// The requests that took too long, newest last: what they were and where the time went, and no value of theirs. It looks at
// clocks that the shard reads anyway, once a request and once a batch, and at nothing else until one of them is over the
// threshold. Owned by one life of a shard.
// Invariant: holds at most as many entries as the limit says; the oldest go first.
import { threadsMs } from '../base/clock.ts'
import { defaultSlowLogMs, type Limits } from '../base/limits.ts'
import { Queue } from '../base/queue.ts'
import { longListOf, nameFieldOf } from '../protocol/commands.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Batch, Job } from './batch.ts'
import { hasWritten, type Task, type Waiting } from './task.ts'

/** Where the time of a request went, in milliseconds. */
interface Times {
  readonly decide: number
  readonly commit: number
  /** Only of a reply so long that it is encoded in steps. */
  readonly encode?: number
}

export interface SlowLogOptions {
  readonly id: number
  readonly limits: Limits
  readonly slowLogMs?: number | undefined
}

export class SlowLog {
  readonly #shard: number
  readonly #thresholdMs: number
  readonly #entriesMax: number
  readonly #entries = new Queue<JsonObject>()
  /** Requests of this batch that took too long to decide; of each, how long. */
  readonly #slow = new Map<Task, number>()
  #requestAt = 0
  /** How many were ever noted. */
  noted = 0

  constructor({ id, limits, slowLogMs = defaultSlowLogMs }: SlowLogOptions) {
    this.#shard = id
    this.#thresholdMs = slowLogMs
    this.#entriesMax = limits.slowLogEntriesPerShardMax
  }

  /** The newest entries, the newest first; with a reset they are gone. */
  read(limit: number, isReset: boolean): JsonObject[] {
    const newest: JsonObject[] = []
    for (let index = this.#entries.length - 1; index >= 0 && newest.length < limit; index -= 1) {
      newest.push(this.#entries.at(index) as JsonObject)
    }
    if (isReset) this.#entries.clear()
    return newest
  }

  /** From here on requests are decided, one after another. */
  beginRequests(at: number): void {
    this.#requestAt = at
  }

  /** A request was taken up, which may have gone on as a job. */
  endRequest([id]: Waiting, { begun }: Batch, at: number): void {
    const tookMs = at - this.#requestAt
    this.#requestAt = at
    if (tookMs < this.#thresholdMs) return
    const task = begun.at(-1)?.task
    if (task?.id === id) this.#slow.set(task, tookMs)
  }

  /** A command was decided in steps, or a long reply encoded. */
  endJob({ kind, task, tookMs }: Job): void {
    if (tookMs < this.#thresholdMs) return
    if (kind === 'command') this.#slow.set(task, tookMs)
    else this.#note(task, 1, { decide: 0, commit: 0, encode: tookMs })
  }

  /** The batch is committed and answered. A commit that took too long is noted once, with the first that wrote. */
  endBatch({ begun, commands }: Batch, commitMs: number): void {
    if (commitMs >= this.#thresholdMs && this.#slow.size === 0) {
      const wrote = begun.find(({ task }) => task.answers.some(hasWritten))
      if (wrote !== undefined) this.#slow.set(wrote.task, 0)
    }
    if (this.#slow.size === 0) return
    for (const [task, decide] of this.#slow) this.#note(task, commands, { decide, commit: commitMs })
    this.#slow.clear()
  }

  #note(task: Task, batchCommands: number, { decide, commit, encode = 0 }: Times): void {
    const at = Date.now()
    const totalMs = threadsMs() - task.arrivedAt
    const [first] = task.answers
    const name = task.step === undefined ? (first?.command ?? '') : 'TRANSACTION'
    const on = name === '' || name === 'TRANSACTION' ? undefined : nameFieldOf(name)
    const records = recordsOf(task)
    this.noted += 1
    this.#entries.push({
      at: at / 1000,
      shard: this.#shard,
      cmd: name === '' ? 'unknown' : name,
      ...(on !== undefined && { [on]: task.keys?.[0] ?? task.routingKey }),
      commands: task.commands.length,
      wait: Math.max(0, totalMs - decide - commit - encode) / 1000,
      decide: decide / 1000,
      commit: commit / 1000,
      encode: encode / 1000,
      batch: batchCommands,
      ...(records !== undefined && { records }),
      ...(task.bytes > 0 && { bytes: task.bytes }),
    })
    if (this.#entries.length > this.#entriesMax) this.#entries.shift()
  }
}

/** How many rows the command brought, or was answered with; undefined where that is not known. */
function recordsOf({ answers }: Task): number | undefined {
  const [answer] = answers
  if (answer === undefined || answer.command === '') return undefined
  const { accepted } = answer.fields
  if (typeof accepted === 'number') return accepted
  const list = answer.fields[longListOf(answer.command) ?? '']
  return Array.isArray(list) ? list.length : undefined
}
