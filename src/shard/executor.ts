// Decides one command: finds what it is decided on, and puts the answer together. Touches nothing; the actor applies
// what comes out.

import { assert } from '../base/assert.ts'
import type { Clocks } from '../base/clock.ts'
import { checkConflict, readOf, standingOf } from '../command/checks.ts'
import type { Context, Decision, Done, Park, Refuse, Step } from '../command/decide.ts'
import { done, recordsAtOnceMax, refuse } from '../command/decide.ts'
import { fencedSteps, fenceProblem } from '../command/fences.ts'
import { deciders, type ShardCommand } from '../command/registry.ts'
import type { CommitOutcome } from '../journal/journal.ts'
import type { Fence } from '../protocol/arguments.ts'
import { commands, declarationOf, versionFieldOf } from '../protocol/commands.ts'
import { mayWait, requestIdOf, waitsAlone } from '../protocol/envelope.ts'
import type { Refusal } from '../protocol/errors.ts'
import type { Keyed } from '../protocol/keyed.ts'
import type { CheckOperation, FenceOperation, WriteOperation } from '../protocol/transactions.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Change } from '../state/change.ts'
import type { Directory, State } from '../state/directory.ts'
import { Keys, Keyspace } from '../state/keyspace.ts'
import type { Locks } from '../state/locks.ts'
import type { Hooks } from './hooks.ts'
import { type KeyedReplies, keyedOf } from './keyed-replies.ts'
import { type Answer, type CheckedCommand, keyOf, nextCommand, type Task } from './task.ts'

/** A command that was decided: its answer, and the changes that make the answer true. */
export interface Settled {
  readonly answer: Answer
  readonly changes: readonly Change[]
  /** Present where the reply is to be kept under a key. */
  readonly keyed?: Keyed | undefined
  /** Of a transaction: what its writes came to. The changes are theirs. */
  readonly operations?: readonly Settled[]
}

interface Stepping {
  readonly steps: Generator<Step, Settled, void>
}

/** The command has to wait. */
export interface ToPark {
  readonly park: Park
  readonly keyed?: Keyed
}

/** What is the same for all commands of a shard. */
export type Facts = Omit<Context, 'state' | 'now' | 'decision'>
type AnyDecider = (target: State | Locks | Directory, args: JsonObject, context: Context) => Decision

const full = refuse('STORAGE_FULL', {})

export class Executor {
  readonly #directory: Directory
  readonly #facts: Facts
  readonly #hooks: Hooks
  readonly #keyedReplies: KeyedReplies
  #decisions = 0
  #writesRefusedBy: Refuse | undefined
  /** While the disk is full, only what frees space is decided. */
  isFull = false

  constructor(directory: Directory, facts: Facts, hooks: Hooks, keyedReplies: KeyedReplies) {
    this.#directory = directory
    this.#facts = facts
    this.#hooks = hooks
    this.#keyedReplies = keyedReplies
  }

  /** From now on every command that would change something is refused in this way; undefined ends that. */
  refuseWrites(refused: Refuse | undefined): void {
    this.#writesRefusedBy = refused
  }

  /** Why nothing that changes something may be decided now; what frees space alone may be, on a full disk. */
  get changesRefusedWith(): Refusal | undefined {
    return this.#writesRefusedBy?.refusal ?? (this.isFull ? full.refusal : undefined)
  }

  /**
   * Decides a write of a transaction, as the command alone would be decided. Validators were asked already where the
   * same write is decided `again`, after a restart.
   */
  decideWrite({ name, args, state }: WriteOperation, now: Clocks, again: boolean): Settled {
    const command = name as ShardCommand
    const decision = again ? this.#decideOn(command, args, state, now) : this.#validated(command, args, state, now)
    assert(decision.outcome !== 'park', 'no operation waits')
    if (decision.outcome === 'steps') {
      const what = 'The number of rows that one operation of a transaction may touch'
      return settled(command, refuse('LIMIT_EXCEEDED', { what, limit: recordsAtOnceMax }), undefined, {})
    }
    return settled(command, decision, this.#versionOf(command, state, decision), {})
  }

  /** Decides a check of a transaction. It brings nothing about, not even what it finds to be due. */
  decideCheck({ check, state }: CheckOperation, now: Clocks): Settled {
    const { name, args } = readOf(check, this.#directory.get(state)?.kind)
    const decision = this.#decideOn(name, args, state, now)
    assert(decision.outcome === 'done' || decision.outcome === 'refuse', 'a check reads one thing')
    const isMissing = decision.outcome === 'refuse' && decision.refusal.code === 'INSTANCE_NOT_FOUND'
    if (decision.outcome === 'refuse' && !isMissing) return settled('', decision, undefined, {})
    const standing = standingOf(decision.outcome === 'done' ? decision.reply : undefined)
    return settled('', checkConflict(check, standing) ?? done(standing), undefined, {})
  }

  /** Decides whether a write of a transaction may happen under its fence. */
  decideFence({ fence }: FenceOperation): Settled {
    const context = { locks: this.#directory.locks, owns: this.#facts.owns }
    return settled('', fenceProblem(fence, context) ?? done({}), undefined, {})
  }

  /** Decides the next command of a request; of one that waits for changes, `seenTo` says what it need not look for. */
  decide(task: Task, now: Clocks, seenTo?: number): Settled | Stepping | ToPark {
    const checked = nextCommand(task)
    if ('code' in checked) {
      const requestId = requestIdOf(task.commands[task.answers.length])
      return settled('', { outcome: 'refuse', refusal: checked }, undefined, requestId)
    }
    if (seenTo !== undefined) {
      const args = this.#unseen(checked.args, keyOf(task), seenTo)
      return this.#decideChecked({ ...checked, args }, task, now)
    }
    if (checked.args.idempotency_key !== undefined) return this.#decideKeyed(checked, task, now)
    return this.#decideChecked(checked, task, now)
  }

  /** The answer that the key of a command has already, or the decision, with the key for which it is to be kept. */
  #decideKeyed(checked: CheckedCommand, task: Task, now: Clocks): Settled | Stepping | ToPark {
    const { name, requestId } = checked
    const keyed = keyedOf(checked, task) as Keyed
    const given = this.#keyedReplies.given(keyed, now.wall)
    if (given !== undefined) {
      if ('outcome' in given) return settled(name, given, undefined, requestId)
      return { answer: { ...given, refusal: undefined, requestId }, changes: [] }
    }
    const decided = this.#decideChecked(checked, task, now)
    if ('steps' in decided) return { steps: keyedSteps(decided.steps, keyed) }
    if ('park' in decided) return { ...decided, keyed }
    return this.#writesRefusedBy === undefined ? withKey(decided, keyed) : decided
  }

  #decideChecked({ name, args, requestId }: CheckedCommand, task: Task, now: Clocks): Settled | Stepping | ToPark {
    const key = keyOf(task)
    const isAlone = task.commands.length === 1 && task.keys === undefined && task.part === undefined
    if (!isAlone && mayWait(name, args)) {
      return settled(name, { outcome: 'refuse', refusal: waitsAlone() }, undefined, requestId)
    }
    const isTooMuch = this.isFull && declarationOf(name).frees !== true
    if (isTooMuch && commands[name].writes) return settled(name, full, undefined, requestId)
    const decision = this.#fenced(name, args, key, now)
    if (decision.outcome === 'park') return { park: decision }
    const refused = this.#writesRefusedBy ?? (isTooMuch ? full : undefined)
    if (decision.outcome === 'steps') {
      // Without this a big write would be staged again and again for as long as the journal is full.
      if (refused !== undefined && commands[name].writes) return settled(name, refused, undefined, requestId)
      return { steps: this.#steps(name, decision.steps, requestId, key) }
    }
    if (refused !== undefined && decision.outcome === 'done' && decision.changes.length > 0) {
      // A read that met a key whose time is over may be answered all the same, and the key removed another time.
      const instead = commands[name].writes ? refused : done(decision.reply)
      return settled(name, instead, this.#versionOf(name, key, instead), requestId)
    }
    return settled(name, decision, this.#versionOf(name, key, decision), requestId)
  }

  /** Decides a command that has waited for as long as it may. */
  decideAtLast(task: Task, now: Clocks, seenTo?: number): Settled {
    const decided = this.decide(task, now, seenTo)
    if ('answer' in decided) return decided
    assert('park' in decided, 'no command waits first and takes steps then')
    const checked = nextCommand(task) as CheckedCommand
    const decision = done(decided.park.reply)
    const version = this.#versionOf(checked.name, task.routingKey, decision)
    return settled(checked.name, decision, version, checked.requestId)
  }

  /** Refuses the next command of a request, which is known to be one. */
  refuse(task: Task, refusal: Refuse): Settled {
    const { name, requestId } = nextCommand(task) as CheckedCommand
    return settled(name, refusal, undefined, requestId)
  }

  /** The same arguments, but for what the caller need not be told. */
  #unseen(args: JsonObject, state: string, seenTo: number): JsonObject {
    const version = this.#directory.get(state)?.version ?? this.#directory.firstVersionOf(state) - 1
    return { ...args, since: Math.max(args.since as number, Math.min(seenTo, version)) }
  }

  *#steps(
    name: ShardCommand,
    steps: Generator<Step, Refuse | Done, void>,
    requestId: JsonObject,
    state: string,
  ): Stepping['steps'] {
    const decision = yield* steps
    return settled(name, decision, this.#versionOf(name, state, decision), requestId)
  }

  /** Decides, unless a newer token was granted for the lock that a write is made under. */
  #fenced(name: ShardCommand, args: JsonObject, state: string, now: Clocks): Decision {
    if (args.fence === undefined) return this.#validated(name, args, state, now)
    const fence = args.fence as Fence
    const context = { locks: this.#directory.locks, owns: this.#facts.owns }
    const problem = fenceProblem(fence, context)
    if (problem !== undefined) return problem
    const decision = this.#validated(name, args, state, now)
    if (decision.outcome !== 'steps') return decision
    return { outcome: 'steps', steps: fencedSteps(fence, context, decision.steps) }
  }

  /** Decides, and asks the validators of the state about what a write would change. */
  #validated(name: ShardCommand, args: JsonObject, state: string, now: Clocks): Decision {
    const { writes, target } = commands[name]
    const isAsked = writes && target !== 'lock' && this.#writesRefusedBy === undefined && this.#hooks.validates(state)
    const decision = this.#decideOn(name, args, state, now)
    return isAsked ? this.#hooks.validated(decision, () => this.#decideOn(name, args, state, now)) : decision
  }

  #decideOn(name: ShardCommand, args: JsonObject, state: string, now: Clocks): Decision {
    const { target } = commands[name]
    if (target === 'lock') return this.#ask(name, this.#directory.locks, args, state, now)
    const found = this.#directory.get(state)
    if (target === 'keys' && found === undefined) return this.#decideOnNew(name, args, state, now)
    const on = target === 'directory' ? this.#directory : found
    if (on === undefined) return refuse('STATE_NOT_FOUND', { state })
    if (found !== undefined && found.kind !== target && target !== 'state' && target !== 'directory') {
      return refuse('WRONG_KIND', { state, kind: found.kind, expected: target })
    }
    return this.#ask(name, on, args, state, now)
  }

  /** A keyspace that is not there is an empty one, which the first write creates. */
  #decideOnNew(name: ShardCommand, args: JsonObject, state: string, now: Clocks): Decision {
    const version = this.#directory.firstVersionOf(state)
    const keys = new Keys()
    // Its first change is the state's creation, so that a write's own changes count on from there.
    const decision = this.#ask(name, new Keyspace(state, version, keys), args, state, now)
    if (decision.outcome !== 'done' || decision.changes.length === 0) return decision
    const { statesPerShardMax: limit } = this.#facts.limits
    if (this.#directory.size >= limit) {
      return refuse('LIMIT_EXCEEDED', { what: 'The number of states of a shard', limit })
    }
    const created: Change = {
      subject: 'state',
      type: 'state_created',
      state,
      version,
      at: now.wall,
      before: undefined,
      after: keys,
    }
    return done(decision.reply, [created, ...decision.changes])
  }

  #ask(name: ShardCommand, on: State | Locks | Directory, args: JsonObject, state: string, now: Clocks): Decision {
    this.#decisions += 1
    const { limits, shard, durability, recent, statistics, slowLog, lockWaiters, owns } = this.#facts
    // Written out: a spread of the facts would cost more than most decisions.
    const decision = this.#decisions
    const context = { state, now, decision, limits, shard, durability, recent, statistics, slowLog, lockWaiters, owns }
    return (deciders[name] as AnyDecider)(on, args, context)
  }

  /** The state's version once the decision stands. */
  #versionOf(name: ShardCommand, state: string, decision: Refuse | Done): number | undefined {
    if (decision.outcome === 'refuse' || versionFieldOf(name) === undefined) return undefined
    const last = decision.changes.at(-1)
    if (last !== undefined && last.subject !== 'lock') return last.version
    const found = this.#directory.get(state)
    if (found !== undefined) return found.version
    return commands[name].target === 'keys' || name === 'GET_CHANGES'
      ? this.#directory.firstVersionOf(state)
      : undefined
  }
}

/** Only what ran is kept. */
function withKey(decided: Settled, keyed: Keyed): Settled {
  return decided.answer.refusal === undefined ? { ...decided, keyed } : decided
}

function* keyedSteps(steps: Stepping['steps'], keyed: Keyed): Stepping['steps'] {
  return withKey(yield* steps, keyed)
}

function settled(
  command: ShardCommand | '',
  decision: Refuse | Done,
  version: number | undefined,
  requestId: JsonObject,
): Settled {
  if (decision.outcome === 'refuse') {
    return { answer: { command, refusal: decision.refusal, fields: {}, version, requestId }, changes: [] }
  }
  return {
    answer: { command, refusal: undefined, fields: decision.reply, version, requestId },
    changes: decision.changes,
  }
}

/** What a write hears of a commit that its journal refused. */
export function refusalOf(result: Extract<CommitOutcome, { outcome: 'refused' }>): Refuse {
  return result.code === 'STORAGE_FULL' ? full : refuse(result.code, { reason: result.reason })
}
