// Where a shard meets its hooks: validators are asked before a decision is applied, the others are told after the commit.
// Owned by one life of a shard; see hook-calls.ts for what keeps it safe from them.
// Invariant: nobody is told of a change that was not committed, and all changes are told in the order of their versions.
import type { Log } from '../base/log.ts'
import {
  type Decision,
  type Done,
  inSteps,
  type Refuse,
  recordsPerStep,
  refuse,
  type Steps,
} from '../command/decide.ts'
import { eventProblem } from '../protocol/machine-definition.ts'
import type { Change, ChangeOfState } from '../state/change.ts'
import { deltaOf, transitionsOf, viewsWithin } from '../state/change-view.ts'
import type { Directory } from '../state/directory.ts'
import { HookCalls } from './hook-calls.ts'
import type { HookSet } from './hook-set.ts'
import type { Answer } from './task.ts'

export interface HooksOptions {
  readonly set: HookSet
  readonly directory: Directory
  readonly log: Log
  /** Called with each call of a hook: the shard makes progress. */
  readonly onCall: () => void
}

export class Hooks {
  readonly #set: HookSet
  readonly #directory: Directory
  readonly #calls: HookCalls
  /** Calls that wait for the commit. */
  #waiting: (() => void)[] = []

  constructor({ set, directory, log, onCall }: HooksOptions) {
    this.#set = set
    this.#directory = directory
    this.#calls = new HookCalls(log, onCall)
  }

  /** Whether anybody wants to be asked about changes of this state. */
  validates(state: string): boolean {
    return this.#set.validatorsOf(state).length > 0
  }

  /** The decision, if no validator is against it. `again` makes the same decision anew. */
  validated(decision: Decision, again: () => Decision): Decision {
    if (decision.outcome === 'steps') {
      return { outcome: 'steps', steps: this.#validatedSteps(decision.steps, again) }
    }
    // Bounded: what is decided at once touches at most a thousand records.
    return decision.outcome === 'done' ? inSteps(this.#validatedDone(decision), 0) : decision
  }

  /** Notes a change that was just applied, for `tell`. The answer is that of the command that made it. */
  notice(change: Change, answer: Answer | undefined): void {
    if (change.subject === 'lock') return
    const { state } = change
    const { onChange } = this.#set
    if (onChange !== undefined) {
      const delta = deltaOf(change, answer?.command, answer?.fields ?? {})
      this.#waiting.push(() => this.#calls.tell('onChange', state, () => onChange(state, delta)))
    }
    const listeners = this.#set.listenersOf(state)
    if (listeners.length === 0) return
    for (const view of transitionsOf(change, this.#fieldOf(state))) {
      for (const listener of listeners) {
        this.#waiting.push(() => this.#calls.tell('onTransition', state, () => listener(view)))
      }
    }
  }

  /** The commit was refused: what was noticed has not happened. */
  takeBack(): void {
    this.#waiting = []
  }

  /** The commit stands, and its replies have left: tells of it. */
  tell(): void {
    for (const call of this.#waiting.splice(0)) call()
  }

  /** Resolves when the promises of hooks have settled, or have had the time to. */
  finish(): Promise<void> {
    return this.#calls.finish()
  }

  snapshot(): ReturnType<HookCalls['snapshot']> {
    return this.#calls.snapshot()
  }

  *#validatedDone(decision: Done): Steps['steps'] {
    return (yield* this.#against(decision.changes)) ?? decision
  }

  *#validatedSteps(steps: Steps['steps'], again: () => Decision): Steps['steps'] {
    for (;;) {
      const step = steps.next()
      if (step.done) return step.value.outcome === 'done' ? yield* this.#validatedDone(step.value) : step.value
      if (!Array.isArray(step.value)) yield step.value
      else {
        // Each slice is committed on its own, so all of them are asked about before the first. The state is held
        // meanwhile, and deciding touches nothing: the same slices come again.
        const refusal = (yield* this.#against(step.value)) ?? (yield* this.#rehearse(steps))
        if (refusal !== undefined) return refusal
        const anew = again()
        return anew.outcome === 'steps' ? yield* anew.steps : (anew as Refuse | Done)
      }
    }
  }

  *#rehearse(steps: Steps['steps']): Generator<undefined, Refuse | undefined, void> {
    for (;;) {
      const step = steps.next()
      if (step.done) return step.value.outcome === 'done' ? yield* this.#against(step.value.changes) : undefined
      const refusal = Array.isArray(step.value) ? yield* this.#against(step.value as Change[]) : undefined
      if (refusal !== undefined) return refusal
      yield
    }
  }

  /** Asks about each change, and each row of one. */
  *#against(changes: readonly Change[]): Generator<undefined, Refuse | undefined, void> {
    let asked = 0
    for (const change of changes) {
      if (change.subject === 'lock' || isOfTime(change)) continue
      const { state } = change
      for (const view of viewsWithin(change, this.#fieldOf(state))) {
        for (const validate of this.#set.validatorsOf(state)) {
          const reason = this.#calls.ask(state, () => validate(view))
          if (reason !== undefined) return refuse('REFUSED_BY_HOOK', { reason })
        }
        asked += 1
        if (asked % recordsPerStep === 0) yield
      }
    }
    return undefined
  }

  /** The field of the state's records that follows a machine. */
  #fieldOf(state: string): string | undefined {
    const found = this.#directory.get(state)
    return found?.kind === 'table' ? found.header.bound?.field : undefined
  }
}

/** Nobody can refuse what time brings about; a command may only meet it first. */
function isOfTime(change: ChangeOfState): boolean {
  if (change.subject !== 'instance') return change.type === 'expired'
  return change.event !== undefined && eventProblem(change.event) !== undefined
}
