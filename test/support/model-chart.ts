// The model's own reading of a definition without parallel states and guards: a tree of states, of which one leaf is active
// with all that it stands in. Written from the documentation of state charts; nothing of it comes from the engine or XState.
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { Refused } from './model-refused.ts'

export interface Node {
  readonly key: string
  readonly path: string
  readonly parent: Node | undefined
  readonly source: JsonObject
  readonly states: readonly Node[]
  readonly timers: readonly { readonly event: string; readonly delayMs: number; readonly leadsTo: JsonValue }[]
}

/** By the path of a history state, the path of the state that it brings back. */
export type Memory = Readonly<Record<string, string>>

export interface Move {
  readonly leaf: Node
  readonly memory: Memory
  /** The states that were left and entered, in this order. */
  readonly path: readonly { readonly enters: boolean; readonly node: Node }[]
}

export function chartOf(definition: JsonObject): Chart {
  const chart = new Chart(nodeOf('', definition, undefined))
  const { initial, states } = definition
  if (!Object.hasOwn((states ?? {}) as JsonObject, initial as string)) {
    throw new Refused('INVALID_DEFINITION', { path: '/initial' })
  }
  return chart
}

export class Chart {
  readonly #root: Node

  constructor(root: Node) {
    this.#root = root
  }

  beginning(): Move {
    const entered = this.#descent(this.#root).map((node) => ({ enters: true, node }))
    return { leaf: this.leafOf(this.#root), memory: {}, path: entered }
  }

  /** Undefined where the event is not possible. */
  send(leaf: Node, memory: Memory, event: string): Move | undefined {
    if (this.isDone(leaf)) return undefined
    for (const node of upwards(leaf)) {
      const { on = {} } = node.source as { on?: JsonObject }
      const listed = descriptorsOf(event).find((descriptor) => Object.hasOwn(on, descriptor))
      if (listed !== undefined) return this.#follow(leaf, memory, node, on[listed] as JsonValue)
    }
    return undefined
  }

  fire(leaf: Node, memory: Memory, timer: string): Move | undefined {
    for (const node of upwards(leaf)) {
      const found = node.timers.find(({ event }) => event === timer)
      if (found !== undefined) return this.#follow(leaf, memory, node, found.leadsTo)
    }
    return undefined
  }

  can(leaf: Node, memory: Memory): string[] {
    const listed = upwards(leaf).flatMap(({ source }) => Object.keys((source.on ?? {}) as JsonObject))
    return [...new Set(listed)].filter((event) => this.send(leaf, memory, event) !== undefined).sort()
  }

  isDone({ source, parent }: Node): boolean {
    return source.type === 'final' && parent === this.#root
  }

  isIn(leaf: Node, path: string): boolean {
    return path !== '' && upwards(leaf).some((node) => node.path === path)
  }

  valueOf(leaf: Node): JsonValue {
    const above = upwards(leaf).slice(1, -1)
    return above.reduce<JsonValue>((value, { key }) => ({ [key]: value }), leaf.key)
  }

  /** The state with this path that an instance can be in. */
  stateAt(path: string): Node | undefined {
    const node = path === '' ? undefined : below(this.#root, path.split('.'))
    return node?.source.type === 'history' ? undefined : node
  }

  leafOf(node: Node): Node {
    return this.#descent(node).at(-1) ?? node
  }

  timersAt(leaf: Node): Node['timers'] {
    return upwards(leaf)
      .reverse()
      .flatMap(({ timers }) => timers)
  }

  canRemember(place: string, held: string): boolean {
    const history = below(this.#root, place.split('.'))
    const state = this.stateAt(held)
    if (history?.source.type !== 'history' || state === undefined) return false
    if (history.source.history !== 'deep') return state.parent === history.parent
    return state.states.length === 0 && isWithin(state, history.parent as Node)
  }

  #follow(leaf: Node, memory: Memory, source: Node, written: JsonValue): Move | undefined {
    const {
      target,
      reenter = false,
      actions,
    } = typeof written === 'string' ? ({ target: written } as JsonObject) : (written as JsonObject)
    if (target === undefined) return actions === undefined ? undefined : { leaf, memory, path: [] }
    const goal = this.#goal(source, target as string, memory)
    const isInside = goal === source || isWithin(goal, source)
    const domain = isInside && reenter !== true ? source : commonAbove(goal, source)
    const left = upwards(leaf).filter((node) => isWithin(node, domain))
    const entered = [
      ...upwards(goal)
        .filter((node) => isWithin(node, domain))
        .reverse(),
      ...this.#descent(goal),
    ]
    const remembered = { ...memory, ...Object.fromEntries(left.flatMap((node) => histories(node, leaf))) }
    const path = [...left.map((node) => ({ enters: false, node })), ...entered.map((node) => ({ enters: true, node }))]
    const end = this.leafOf(goal)
    const parent = end.parent as Node
    const onDone = entered.includes(end) && end.source.type === 'final' ? parent.source.onDone : undefined
    if (onDone === undefined) return { leaf: end, memory: remembered, path }
    const more = this.#follow(end, remembered, parent, onDone) as Move
    return { ...more, path: [...path, ...more.path] }
  }

  /** Where a target leads, once history states have brought back what they remember. */
  #goal(source: Node, target: string, memory: Memory): Node {
    const [first = '', ...path] = target.split('.')
    const start = first.startsWith('#') ? this.#named(first.slice(1)) : first === '' ? source : (source.parent as Node)
    const node = below(start, first === '' || first.startsWith('#') ? path : [first, ...path]) as Node
    if (node.source.type !== 'history') return node
    const held = memory[node.path]
    if (held !== undefined) return this.stateAt(held) as Node
    return node.source.target === undefined ? (node.parent as Node) : this.#goal(node, node.source.target as string, {})
  }

  #named(id: string): Node {
    const all = (node: Node): Node[] => [node, ...node.states.flatMap(all)]
    return all(this.#root).find(({ source }) => source.id === id) as Node
  }

  /** What is entered below a state, by the initial states. */
  #descent(node: Node): Node[] {
    const next = node.states.find(({ key }) => key === node.source.initial)
    return next === undefined ? [] : [next, ...this.#descent(next)]
  }
}

function nodeOf(key: string, source: JsonObject, parent: Node | undefined): Node {
  const path = parent === undefined || parent.path === '' ? key : `${parent.path}.${key}`
  const timers = Object.entries((source.after ?? {}) as JsonObject).map(([delay, leadsTo]) => {
    return { event: `xstate.after.${delay}.(machine).${path}`, delayMs: Number(delay), leadsTo }
  })
  const states: Node[] = []
  const node = { key, path, parent, source, states, timers }
  for (const [name, inner] of Object.entries((source.states ?? {}) as JsonObject)) {
    states.push(nodeOf(name, inner as JsonObject, node))
  }
  return node
}

/** What could be listed for an event, what fits it closest first. */
function descriptorsOf(event: string): string[] {
  const words = event.split('.')
  const wild = words.map((_, index) => [...words.slice(0, words.length - index), '*'].join('.'))
  return [event, ...wild, '*']
}

/** A state and those that it stands in, the root last. */
function upwards(node: Node): Node[] {
  return node.parent === undefined ? [node] : [node, ...upwards(node.parent)]
}

function isWithin(node: Node, ancestor: Node): boolean {
  return upwards(node).slice(1).includes(ancestor)
}

function commonAbove(a: Node, b: Node): Node {
  return (upwards(a)
    .slice(1)
    .find((node) => isWithin(b, node)) ?? upwards(a).at(-1)) as Node
}

function below(node: Node, [key, ...rest]: readonly string[]): Node | undefined {
  if (key === undefined) return node
  const next = node.states.find((state) => state.key === key)
  return next && below(next, rest)
}

/** What the history states of a state that is left keep in mind. */
function histories(node: Node, leaf: Node): [string, string][] {
  return node.states
    .filter(({ source }) => source.type === 'history')
    .map(({ path, source }) => {
      const inner = upwards(leaf).find(({ parent }) => parent === node) as Node
      return [path, source.history === 'deep' ? leaf.path : inner.path]
    })
}
