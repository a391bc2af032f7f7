// A machine made of a definition: what an event leads to, which events are possible, which timers run, and how instances
// of another definition come into this one. Called by whatever decides commands on machines and recovers them.
// Invariant: pure but for a bounded memory of answers; equal questions get equal answers, whatever was forgotten.

import { eventProblem, readMachine } from '../protocol/machine-definition.ts'
import { isWithin, type MachineProblem, nodesOf, type StateNode } from '../protocol/machine-tree.ts'
import type { StateValue } from '../protocol/state-value.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { deepEqual } from './deep-equal.ts'
import { Chart, type HistoryValue, type Outcome, type Timer, timerEvent } from './machine-chart.ts'
import { activeStates, canBeTogether, fits, innermostPaths, isLeaf, valueWith } from './machine-value.ts'
import { compareBytes } from './sorted-names.ts'

export type { HistoryValue, MachineProblem, StateValue, Timer }

/** Where an instance stands. Shared between instances and never changed. */
export interface Configuration {
  readonly value: StateValue
  readonly history: HistoryValue
  readonly done: boolean
  /** Both as one text, by which answers are remembered. */
  readonly key: string
}

export interface Step extends Pick<Outcome, 'actions' | 'cancelled' | 'armed'> {
  readonly to: Configuration
  /** Whether the value is another than before; a state that was left and entered again counts as none. */
  readonly changed: boolean
}

// A machine with more different situations than this asks XState again: 10 to 100 µs instead of less than one.
const answersMax = 1_024

/** Compiles a definition; or says what is wrong with it, which has a `code`. */
export function compileMachine(source: JsonValue): Machine | MachineProblem {
  const root = readMachine(source)
  if ('code' in root) return root
  const chart = new Chart(root)
  const beginning = chart.begin()
  if (beginning === undefined) {
    return { code: 'INVALID_DEFINITION', path: '', reason: 'the machine does not come to rest at its beginning' }
  }
  return new Machine(source as JsonObject, root, chart, beginning)
}

export class Machine {
  /** The definition as it was given. */
  readonly source: JsonObject
  readonly root: StateNode
  /** How a new instance begins. */
  readonly beginning: Step
  readonly #chart: Chart
  readonly #byPath: ReadonlyMap<string, StateNode>
  /** What the definition lists under `on`, anywhere. */
  readonly #descriptors: ReadonlySet<string>
  readonly #steps: Memory<Step | undefined>
  readonly #possible: Memory<readonly string[]>

  constructor(source: JsonObject, root: StateNode, chart: Chart, beginning: Outcome, rememberedMax = answersMax) {
    this.source = source
    this.root = root
    this.#chart = chart
    this.beginning = step(beginning, undefined)
    const nodes = nodesOf(root)
    this.#byPath = new Map(nodes.map((node) => [node.path, node]))
    this.#descriptors = new Set(nodes.flatMap((node) => [...node.on.keys()]))
    this.#steps = new Memory(rememberedMax)
    this.#possible = new Memory(rememberedMax)
  }

  /** How an instance begins that stands at a value already, its timers anew; undefined if there is no such value. */
  beginningAt(value: JsonValue): { readonly beginning: Pick<Step, 'to' | 'armed'> } | undefined {
    const to = this.restore(value)
    return to && { beginning: { to, armed: this.timers(to) } }
  }

  /** What a client's event leads to; undefined if it is not possible now. */
  send(from: Configuration, event: string): Step | undefined {
    const descriptor = this.#descriptors.has(event) ? event : this.#descriptorFor(event)
    return descriptor === undefined ? undefined : this.#step(from, descriptor)
  }

  /** What the firing of a timer leads to; undefined if that timer is none of the active states. */
  fire(from: Configuration, timer: string): Step | undefined {
    return this.timers(from).some(({ event }) => event === timer) ? this.#step(from, timer) : undefined
  }

  /** The events that are possible now, sorted by bytes; a wildcard stands for all that it matches. */
  can(from: Configuration): readonly string[] {
    return this.#possible.get(from.key, () => {
      const listed = activeStates(this.root, from.value).flatMap((node) => [...node.on.keys()])
      return [...new Set(listed)].filter((event) => this.#step(from, event) !== undefined).sort(compareBytes)
    })
  }

  /** The timers that run while an instance stands here, by their full delay. */
  timers({ value, done }: Configuration): readonly Timer[] {
    if (done) return []
    return activeStates(this.root, value).flatMap(({ path, after }) =>
      [...after.keys()].map((delayMs) => ({ event: timerEvent(path, delayMs), delayMs })),
    )
  }

  /** Whether there is a state with this path that an instance can be in. */
  hasState(path: string): boolean {
    const node = this.#byPath.get(path)
    return node !== undefined && node !== this.root && node.type !== 'history'
  }

  /** A stored value as a configuration; undefined if this definition has no such value. History that fits no longer is left out. */
  restore(value: JsonValue, history: JsonValue = {}): Configuration | undefined {
    return fits(this.root, value) ? this.migrate(value, history, new Map()) : undefined
  }

  /**
   * A configuration of another definition brought into this one. `renamed` maps paths of old states to paths of new ones
   * and holds for everything below them too, the longest match first; other states keep their paths. What the old value
   * leaves open begins at its beginning. Undefined if a state has no successor or if two successors exclude each other.
   */
  migrate(value: JsonValue, history: JsonValue, renamed: ReadonlyMap<string, string>): Configuration | undefined {
    const paths = innermostPaths(value)
    const states = paths.map((path) => this.#byPath.get(successor(path, renamed)))
    const known = states.filter((state) => state !== undefined && state.type !== 'history') as StateNode[]
    const found = known.length < paths.length ? undefined : valueWith(this.root, known)
    if (found === undefined) return undefined
    return configuration(found, this.#fittingHistory(history, renamed), this.#chart.isDone(found))
  }

  #fittingHistory(history: JsonValue, renamed: ReadonlyMap<string, string>): HistoryValue {
    const fitting: Record<string, readonly string[]> = {}
    for (const [path, paths] of Object.entries(history ?? {})) {
      const node = this.#byPath.get(successor(path, renamed))
      if (node?.type !== 'history' || !Array.isArray(paths)) continue
      const states = paths.map((each) => this.#byPath.get(successor(String(each), renamed)))
      const known = states.filter((state) => state !== undefined)
      if (known.length > 0 && known.length === states.length && canComeBack(node, known)) {
        fitting[node.path] = known.map((state) => state.path).sort()
      }
    }
    return fitting
  }

  /** What an event that is not listed is taken for: the longest wildcard that matches it implies all the shorter ones. */
  #descriptorFor(event: string): string | undefined {
    if (eventProblem(event) !== undefined) return undefined
    for (let end = event.length; end > 0; end = event.lastIndexOf('.', end - 1)) {
      const wildcard = `${event.slice(0, end)}.*`
      if (this.#descriptors.has(wildcard)) return wildcard
    }
    return this.#descriptors.has('*') ? '*' : undefined
  }

  #step(from: Configuration, event: string): Step | undefined {
    return this.#steps.get(`${from.key}\n${event}`, () => {
      const outcome = from.done ? undefined : this.#chart.follow(from.value, from.history, event)
      return outcome === undefined ? undefined : step(outcome, from)
    })
  }
}

function step({ value, history, done, actions, cancelled, armed }: Outcome, from: Configuration | undefined): Step {
  const next = configuration(value, history, done)
  // An instance that stays where it is keeps the very object.
  const to = from !== undefined && from.key === next.key ? from : next
  return { to, changed: from === undefined || !deepEqual(from.value, value), actions, cancelled, armed }
}

function configuration(value: StateValue, history: HistoryValue, done: boolean): Configuration {
  return { value, history, done, key: JSON.stringify([value, history]) }
}

/** What a path is called now, by the longest part of it, from its beginning, that was renamed. */
function successor(path: string, renamed: ReadonlyMap<string, string>): string {
  for (let end = path.length; end > 0; end = path.lastIndexOf('.', end - 1)) {
    const name = renamed.get(path.slice(0, end))
    if (name !== undefined) return name + path.slice(end)
  }
  return path
}

/** Whether a history state could have remembered these states. */
function canComeBack(node: StateNode, states: readonly StateNode[]): boolean {
  const parent = node.parent as StateNode
  const isFit = (state: StateNode) =>
    node.history === 'shallow'
      ? state.parent === parent && state.type !== 'history'
      : isLeaf(state) && isWithin(state, parent)
  return states.every(isFit) && canBeTogether(states)
}

/** Remembers answers up to a bound; the oldest goes. */
class Memory<Answer> {
  readonly #answers = new Map<string, Answer>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  get(question: string, find: () => Answer): Answer {
    const known = this.#answers.get(question)
    if (known !== undefined || this.#answers.has(question)) return known as Answer
    const answer = find()
    if (this.#answers.size >= this.#max) {
      const [oldest] = this.#answers.keys()
      this.#answers.delete(oldest as string)
    }
    this.#answers.set(question, answer)
    return answer
  }
}
