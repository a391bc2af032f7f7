// The one place that talks to XState: hands it a definition that machine-definition.ts has read, and asks it what follows
// from a configuration and an event. Called by machine.ts, which remembers the answers.
// Invariant: pure. XState sees ids of our making only, runs no code of a user and arms no timer of its own.

import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  createMachine,
  initialTransition,
  transition,
} from 'xstate'
import { nodesOf, type StateNode, type Transition } from '../protocol/machine-tree.ts'
import type { StateValue } from '../protocol/state-value.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { fits, inOrder } from './machine-value.ts'

/** By the path of a history state, the paths of the states that it brings back. */
export type HistoryValue = Readonly<Record<string, readonly string[]>>

export interface Timer {
  /** The event that firing it raises: no client can send one of this name. */
  readonly event: string
  readonly delayMs: number
}

/** What follows from an event. */
export interface Outcome {
  readonly value: StateValue
  readonly history: HistoryValue
  readonly done: boolean
  /** Names of the actions of the states left and entered and of the transitions, in XState's order. */
  readonly actions: readonly string[]
  /** Events of the timers that end; one that is also among `armed` starts anew. */
  readonly cancelled: readonly string[]
  readonly armed: readonly Timer[]
}

// Completing a state may complete another and so on. Circles are refused, but paths that part and meet again can double
// the steps at each turn; nothing sensible comes near this.
const stepsMax = 128
const rootId = '(machine)'
// Matched by the wildcard alone, for no definition and no client has a name like it.
const unlisted = '*.unlisted'

export class Chart {
  readonly #root: StateNode
  readonly #machine: AnyStateMachine
  readonly #states: ReadonlyMap<string, AnyStateNode>

  constructor(root: StateNode) {
    this.#root = root
    // Built from what was read, not from what was given: nothing that was not looked at gets through.
    const config = { ...configOf(root), id: rootId, options: { maxIterations: stepsMax } }
    this.#machine = createMachine(config as Parameters<typeof createMachine>[0])
    this.#states = new Map(nodesOf(root).map(({ path }) => [path, this.#machine.getStateNodeById(idOf(path))] as const))
  }

  /** How the machine begins, or undefined where it does not come to rest. */
  begin(): Outcome | undefined {
    const [snapshot, actions] = initialTransition(this.#machine)
    return snapshot.status === 'error' ? undefined : outcome(this.#root, snapshot, actions)
  }

  /** What follows from an event, a wildcard standing for one that only it matches; or undefined where nothing is to follow: the event is unknown, blocked, or has no end. */
  follow(value: StateValue, history: HistoryValue, event: string): Outcome | undefined {
    const snapshot = this.#snapshot(value, history)
    const type = event === '*' ? unlisted : event
    if (snapshot.status !== 'active' || !snapshot.can({ type })) return undefined
    try {
      const [next, actions] = transition(this.#machine, snapshot, { type })
      // Where one of several transitions at once goes by way of a history state, XState may end up in two states of one
      // region. Such an event is not possible either.
      return fits(this.#root, next.value as StateValue) ? outcome(this.#root, next, actions) : undefined
    } catch {
      // XState throws past `stepsMax`. An event that it cannot follow to its end is not possible.
      return undefined
    }
  }

  isDone(value: StateValue): boolean {
    return this.#snapshot(value, {}).status === 'done'
  }

  #snapshot(value: StateValue, history: HistoryValue): AnyMachineSnapshot {
    const historyValue = Object.fromEntries(
      Object.entries(history).map(([path, paths]) => [idOf(path), paths.map((each) => this.#state(each))]),
    )
    return this.#machine.resolveState({ value, historyValue, context: {} }) as AnyMachineSnapshot
  }

  #state(path: string): AnyStateNode {
    return this.#states.get(path) as AnyStateNode
  }
}

/** The event with which a state's timer fires, in XState's words. */
export function timerEvent(path: string, delayMs: number): string {
  return `xstate.after.${delayMs}.${idOf(path)}`
}

function idOf(path: string): string {
  return path === '' ? rootId : `${rootId}.${path}`
}

function configOf(node: StateNode): JsonObject {
  const { type, initial, history, fallback, states, on, after, onDone, entry, exit } = node
  return {
    type,
    ...(initial === undefined ? {} : { initial: initial.key }),
    ...(history === undefined ? {} : { history }),
    ...(fallback === undefined ? {} : { target: targetsOf(fallback) }),
    ...(onDone === undefined ? {} : { onDone: transitionOf(onDone) }),
    states: mapped(states, configOf),
    on: mapped(on, transitionOf),
    after: mapped(after, transitionOf),
    entry: [...entry],
    exit: [...exit],
  }
}

function mapped<Key extends string | number, Value>(
  map: ReadonlyMap<Key, Value>,
  make: (value: Value) => JsonValue,
): JsonObject {
  return Object.fromEntries([...map].map(([key, value]) => [key, make(value)]))
}

function transitionOf(transition: Transition): JsonObject {
  const { written, reenter, actions } = transition
  return { ...(written === undefined ? {} : { target: targetsOf(transition) }), reenter, actions: [...actions] }
}

function targetsOf({ targets }: Transition): string[] {
  return targets.map(({ path }) => `#${idOf(path)}`)
}

function outcome(
  root: StateNode,
  snapshot: AnyMachineSnapshot,
  executed: readonly { type: string; params: unknown }[],
): Outcome {
  const actions: string[] = []
  const cancelled = new Set<string>()
  const armed = new Map<string, Timer>()
  for (const { type, params } of executed) {
    // XState's own words for starting and ending a timer; names of a user's actions cannot begin so.
    if (type === 'xstate.raise') {
      const { event, delay } = params as { event: { type: string }; delay: number }
      armed.set(event.type, { event: event.type, delayMs: delay })
    } else if (type === 'xstate.cancel') {
      const { sendId } = params as { sendId: string }
      armed.delete(sendId)
      cancelled.add(sendId)
    } else {
      actions.push(type)
    }
  }
  return {
    value: inOrder(root, snapshot.value as StateValue),
    history: historyOf(snapshot),
    done: snapshot.status === 'done',
    actions,
    cancelled: [...cancelled],
    armed: [...armed.values()],
  }
}

function historyOf({ historyValue }: AnyMachineSnapshot): HistoryValue {
  const entries = Object.entries(historyValue as Record<string, readonly AnyStateNode[]>)
  const paths = (nodes: readonly AnyStateNode[]) => nodes.map(({ path }) => path.join('.')).sort()
  // Sorted, so that equal histories are written alike however they came about.
  return Object.fromEntries(
    entries
      .map(([id, nodes]) => [id.slice(rootId.length + 1), paths(nodes)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}
