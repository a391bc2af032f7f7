// A machine that a field of a table's records follows: where the field begins, and which values it may take next. Nobody
// sends events to a record, so any event's transition will do. Called by whatever creates such tables and writes records.
// Invariant: the machine is flat, so that a field's value is one name, and has no timers, which nobody would wind up.

import { nodesOf, type StateNode } from '../protocol/machine-tree.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { compileMachine, type Machine, type MachineProblem } from './machine.ts'

/** Compiles a definition that a field can follow; or says what is wrong with it, which has a `code`. */
export function compileFieldMachine(source: JsonValue): FieldMachine | MachineProblem {
  const machine = compileMachine(source)
  if ('code' in machine) return machine
  for (const node of nodesOf(machine.root)) {
    const reason = unfit(node)
    if (reason !== undefined) return { code: 'UNSUPPORTED', path: node.pointer, reason }
  }
  return new FieldMachine(machine)
}

function unfit({ parent, type, after }: StateNode): string | undefined {
  if (after.size > 0) return 'the machine of a field has no timers'
  const isFlat = parent === undefined ? type === 'compound' : type === 'atomic' || type === 'final'
  return isFlat ? undefined : 'the machine of a field is flat: a list of states without any inside'
}

export class FieldMachine {
  readonly source: JsonObject
  /** What an absent field is filled with. */
  readonly initial: string
  readonly #machine: Machine
  // Filled as values come up, by asking the machine once for each event.
  readonly #next = new Map<string, ReadonlySet<string>>()

  constructor(machine: Machine) {
    this.source = machine.source
    this.initial = machine.beginning.to.value as string
    this.#machine = machine
  }

  /** Whether a write may change the field so. A value that stays is no move; it must be a state all the same. */
  allows(from: JsonValue, to: JsonValue): boolean {
    if (typeof from !== 'string' || typeof to !== 'string') return false
    return from === to ? this.has(to) : this.next(from).has(to)
  }

  has(value: JsonValue): boolean {
    return typeof value === 'string' && this.#machine.hasState(value)
  }

  /** The values that one transition leads to, in the order of their events. */
  next(from: string): ReadonlySet<string> {
    let next = this.#next.get(from)
    if (next === undefined) {
      next = this.#follow(from)
      // Only the machine's own states are remembered, and those are bounded.
      if (this.has(from)) this.#next.set(from, next)
    }
    return next
  }

  #follow(from: string): ReadonlySet<string> {
    const configuration = this.#machine.restore(from)
    if (configuration === undefined) return new Set()
    const steps = this.#machine.can(configuration).map((event) => this.#machine.send(configuration, event))
    return new Set(steps.flatMap((step) => (step?.changed ? [step.to.value as string] : [])))
  }
}
