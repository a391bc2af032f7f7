// What the states of a shard held at the moment of a cut, taken bit by bit while the shard goes on. A long state is held
// meanwhile, like that of any command with steps; a short one is taken when its turn comes, or just before it changes.
// Invariant: what is taken of a state is what stood at the cut, since whoever would change it first has the rest taken.
import { type Gathered, gatheredOf } from '../journal/gathering.ts'
import { kindOf } from '../journal/kinds.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { ChangeOfState } from '../state/change.ts'
import type { Directory, State } from '../state/directory.ts'
import type { Held } from './held.ts'

/** Longer states are not taken in one go. */
const atOnceMax = 1_000

/** A state as it stood, once all of it is taken. */
export interface Captured {
  readonly name: string
  readonly header: JsonObject
  readonly gathered: Gathered
}

interface Taking {
  readonly name: string
  readonly size: number
  isHolding: boolean
  /** Present once its taking has begun, or its contents were put aside for others. */
  bound: (Captured & { readonly contents: object }) | undefined
}

export class Capture {
  readonly #directory: Directory
  readonly #free: (state: string) => void
  readonly #open = new Map<string, Taking>()
  readonly #taken: Captured[] = []

  constructor(names: Iterable<string>, directory: Directory, held: Held, free: (state: string) => void) {
    this.#directory = directory
    this.#free = free
    const all: Taking[] = []
    for (const name of names) {
      const size = sizeOf(directory.get(name) as State)
      // A state that somebody else holds changes only when that one is done, and is taken before.
      const isHolding = size > atOnceMax && held.queueOf(name) === undefined
      if (isHolding) {
        held.hold(name)
        directory.hold(name)
      }
      all.push({ name, size, isHolding, bound: undefined })
    }
    // Whoever waits for a short one should not wait for a long one first.
    for (const taking of all.sort((a, b) => a.size - b.size)) this.#open.set(taking.name, taking)
  }

  get taken(): readonly Captured[] {
    return this.#taken
  }

  /** Takes all of it, a step at a time. */
  *steps(): Generator<undefined, void, void> {
    for (const taking of this.#open.values()) {
      const { gathered } = this.#bind(taking)
      for (;;) {
        // It may have been finished in between.
        if (!this.#open.has(taking.name)) break
        const step = gathered.steps.next()
        if (step.done) this.#finish(taking)
        yield
      }
    }
  }

  /** A state is about to change. */
  notice(change: ChangeOfState): void {
    const taking = this.#open.get(change.state)
    if (taking === undefined) return
    const { contents } = this.#bind(taking)
    const isWhole = change.subject === 'state' || change.subject === 'table'
    // What is exchanged as a whole stays as it was, unless that is taken back.
    if (isWhole || change.subject === 'keys' || change.subject === 'machine') return
    const live = this.#directory.get(change.state)
    if (live !== undefined && contentsOf(live) === contents) this.#finish(taking)
  }

  /** Gives up: nobody needs it any more. */
  abandon(): void {
    for (const taking of this.#open.values()) if (taking.isHolding) this.#free(taking.name)
    this.#open.clear()
  }

  #bind(taking: Taking): Captured & { readonly contents: object } {
    if (taking.bound !== undefined) return taking.bound
    const { name } = taking
    const state = this.#directory.get(name) as State
    const kind = kindOf(state)
    const { version, length } = state
    const header = { kind: state.kind, version, rows: length, header: kind.header(state) }
    taking.bound = { name, header, gathered: gatheredOf(state), contents: contentsOf(state) }
    return taking.bound
  }

  #finish(taking: Taking): void {
    const { name, header, gathered } = this.#bind(taking)
    while (gathered.steps.next().done !== true);
    this.#open.delete(name)
    this.#taken.push({ name, header, gathered })
    if (!taking.isHolding) return
    taking.isHolding = false
    this.#free(name)
  }
}

function contentsOf(state: State): object {
  if (state.kind === 'table') return state.records
  return state.kind === 'keys' ? state.keys : state.instances
}

function sizeOf(state: State): number {
  return state.kind === 'keys' ? state.length + state.keys.listItems : state.length
}
