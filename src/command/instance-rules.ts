// The rules that every command on one instance is held to: timers that are due fire first, a change of its own each, and
// an instance has a bounded size. Reads the machine and touches nothing.
import type { RecordId } from '../protocol/arguments.ts'
import type { JsonObject } from '../protocol/value.ts'
import { advance, firstDeadline, type InstanceContents, withoutTimer } from '../state/instance.ts'
import type { InstanceChange } from '../state/instance-change.ts'
import type { InstanceCell, MachineState } from '../state/machine-state.ts'
import { type Context, type Done, done, type Refuse, refuse } from './decide.ts'

/** One instance, as a command finds it and leaves it. `contents` is what stands once what is due has happened. */
export class InstanceEntry {
  readonly #state: MachineState
  readonly #cell: InstanceCell
  readonly #context: Context
  readonly #changes: InstanceChange[] = []
  contents: InstanceContents

  constructor(state: MachineState, cell: InstanceCell, context: Context) {
    this.#state = state
    this.#cell = cell
    this.#context = context
    this.contents = cell.contents
    // Ends, for a timer that fires arms none that is due at the same moment.
    while (this.#fireDue()) {}
  }

  /** The version of the state that the next change makes. */
  get nextVersion(): number {
    return this.#state.version + this.#changes.length + 1
  }

  /** Puts other contents in the place of what stands; undefined removes the instance. `event` made the transition. */
  put(after: InstanceContents | undefined, event?: string): void {
    const { id, order } = this.#cell
    const type = after === undefined ? 'deleted' : 'updated'
    const stamp = { state: this.#state.name, version: this.nextVersion, at: this.#context.now.wall }
    this.#changes.push({
      subject: 'instance',
      type,
      ...stamp,
      id,
      order,
      before: this.contents,
      after,
      ...(event !== undefined && { event }),
    })
    if (after !== undefined) this.contents = after
  }

  done(reply: JsonObject): Done {
    return done(reply, this.#changes)
  }

  #fireDue(): boolean {
    const { wall: at } = this.#context.now
    const due = firstDeadline(this.contents)
    if (due === undefined || due.at > at) return false
    const { machine, historyMax } = this.#state.header
    const step = machine.fire(this.contents.configuration, due.event)
    const version = this.nextVersion
    if (step === undefined) this.put(withoutTimer(this.contents, due.event, { at, version }))
    else this.put(advance(this.contents, step, { event: due.event, at, version, historyMax }), due.event)
    return true
  }
}

/** What the first timer that is due brings about, with all others of its instance. */
export function timersFired(state: MachineState, cell: InstanceCell, context: Context): Done {
  return new InstanceEntry(state, cell, context).done({})
}

export function noInstance(id: RecordId): Refuse {
  return refuse('INSTANCE_NOT_FOUND', { id })
}

/** Refuses an instance that is too large. */
export function instanceSizeProblem({ bytes, context }: InstanceContents, { limits }: Context): Refuse | undefined {
  // A character takes at most three bytes of UTF-8, or six as an escape; only what could pass the bound is measured.
  if (bytes * 6 <= limits.recordBytesMax) return undefined
  if (Buffer.byteLength(JSON.stringify(context)) <= limits.recordBytesMax) return undefined
  return refuse('LIMIT_EXCEEDED', { what: 'The size of an instance in bytes', limit: limits.recordBytesMax })
}
