// Decides one command: holds it against the registry, finds what it is decided on, and puts the reply together.
// Touches nothing; the actor applies what comes out.
import type { Clocks } from '../base/clock.ts'
import type { Context, Decision, Done, Refuse } from '../command/decide.ts'
import { refuse } from '../command/decide.ts'
import { deciders, type ShardCommand } from '../command/registry.ts'
import type { CommitOutcome } from '../journal/journal.ts'
import { commands } from '../protocol/commands.ts'
import { requestIdOf } from '../protocol/envelope.ts'
import { refusalReply } from '../protocol/errors.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import type { Change, StagedRecords } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { Table } from '../state/table.ts'
import { type Answer, checkCommand, type Task } from './task.ts'

/** A command that was decided: its answer, and the changes that make the answer true. */
export interface Settled {
  readonly answer: Answer
  readonly changes: readonly Change[]
}

export interface Stepping {
  readonly steps: Generator<StagedRecords | undefined, Settled, void>
}

type StorageCode = Extract<CommitOutcome, { outcome: 'refused' }>['code']
type AnyDecider = (target: Table | Directory, args: JsonObject, context: Context) => Decision

export class Executor {
  readonly #directory: Directory
  readonly #facts: Omit<Context, 'state' | 'now'>
  #writesRefusedBy: StorageCode | undefined

  constructor(directory: Directory, facts: Omit<Context, 'state' | 'now'>) {
    this.#directory = directory
    this.#facts = facts
  }

  /** From now on every command that would change something is refused with this code; undefined ends that. */
  refuseWrites(code: StorageCode | undefined): void {
    this.#writesRefusedBy = code
  }

  /** Decides the next command of a request. `marker` says that the request came to every shard. */
  decide(task: Task, now: Clocks, marker: boolean): Settled | Stepping {
    const command = task.commands[task.answers.length] as JsonValue
    const checked = checkCommand(command, task.routingKey, marker)
    if ('code' in checked) return this.#settled(command, '', { outcome: 'refuse', refusal: checked }, task)
    const { name, args } = checked
    const decision = this.#decideOn(name, task.rows === undefined ? args : withRows(args, task), task.routingKey, now)
    if (decision.outcome !== 'steps') return this.#settled(command, name, decision, task)
    // Without this a big write would be staged again and again for as long as the journal is full.
    const code = this.#writesRefusedBy
    if (code !== undefined && commands[name].writes) return this.#settled(command, name, refuse(code, {}), task)
    return { steps: this.#steps(command, name, decision.steps, task) }
  }

  *#steps(
    command: JsonValue,
    name: ShardCommand,
    steps: Generator<StagedRecords | undefined, Refuse | Done, void>,
    task: Task,
  ): Stepping['steps'] {
    return this.#settled(command, name, yield* steps, task)
  }

  #decideOn(name: ShardCommand, args: JsonObject, state: string, now: Clocks): Decision {
    const { target } = commands[name]
    const on = target === 'directory' ? this.#directory : this.#directory.get(state)
    if (on === undefined) return refuse('STATE_NOT_FOUND', { state })
    return (deciders[name] as AnyDecider)(on, args, { state, now, ...this.#facts })
  }

  /** The documented reply: the command's own fields, the state's version at that moment, and the caller's number. */
  #settled(command: JsonValue, name: string, decision: Refuse | Done, task: Task): Settled {
    const requestId = requestIdOf(command)
    const code = this.#writesRefusedBy
    if (code !== undefined && decision.outcome === 'done' && decision.changes.length > 0) {
      return this.#settled(command, name, refuse(code, {}), task)
    }
    if (decision.outcome === 'refuse') {
      const reply = { ...refusalReply(decision.refusal), ...requestId }
      return { answer: { command: name, outcome: decision.refusal.code, reply }, changes: [] }
    }
    const { reply, changes } = decision
    const version = changes.at(-1)?.version ?? this.#directory.get(task.routingKey)?.version
    const full = { status: 'ok', ...reply, ...(version !== undefined && { version }), ...requestId }
    return { answer: { command: name, outcome: 'ok', reply: full }, changes }
  }
}

/** A command whose rows came in slices was checked with an empty list in their place. */
function withRows(args: JsonObject, { rows }: Task): JsonObject {
  return { ...args, data: rows } as unknown as JsonObject
}
