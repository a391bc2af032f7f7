// Translates between values, which say what states of a machine are active, and the states of the definition's tree.
// Called by machine.ts, and by machine-chart.ts for what XState answers.
// Invariant: a value that is given out names every active state, its regions in the order of the definition.

import { areInDifferentRegions, type StateNode } from '../protocol/machine-tree.ts'
import type { StateValue } from '../protocol/state-value.ts'
import { isObject, type JsonValue } from '../protocol/value.ts'

/** The paths of the innermost active states; of anything else than a value, some paths that no state has. */
export function innermostPaths(value: JsonValue, prefix = ''): string[] {
  const at = (key: string) => (prefix === '' ? key : `${prefix}.${key}`)
  if (typeof value === 'string') return [at(value)]
  if (!isObject(value)) return ['']
  const keys = Object.keys(value)
  return keys.length === 0 ? [prefix] : keys.flatMap((key) => innermostPaths(value[key] as JsonValue, at(key)))
}

/** The value in which these states are active and all that is left open stands at its beginning; undefined if they exclude each other. */
export function valueWith(root: StateNode, states: readonly StateNode[]): StateValue | undefined {
  if (!canBeTogether(states)) return undefined
  const wanted = new Set<StateNode>()
  for (const state of states) {
    for (let node: StateNode | undefined = state; node !== undefined; node = node.parent) wanted.add(node)
  }
  return valueBelow(root, wanted)
}

export function canBeTogether(states: readonly StateNode[]): boolean {
  return states.every((a, index) => states.slice(index + 1).every((b) => areInDifferentRegions(a, b)))
}

function valueBelow(node: StateNode, wanted: ReadonlySet<StateNode>): StateValue {
  const inner = regionsOf(node)
  if (node.type === 'parallel') return Object.fromEntries(inner.map((state) => [state.key, valueBelow(state, wanted)]))
  const active = inner.find((state) => wanted.has(state)) ?? node.initial
  if (active === undefined) return {}
  return isLeaf(active) ? active.key : { [active.key]: valueBelow(active, wanted) }
}

/** Whether a value says of each region, and of nothing else, which state is active in it. */
export function fits(node: StateNode, value: JsonValue): value is StateValue {
  if (typeof value === 'string') {
    const active = node.type === 'compound' ? node.states.get(value) : undefined
    return active !== undefined && isLeaf(active)
  }
  if (!isObject(value)) return false
  const keys = Object.keys(value)
  const expected = node.type === 'parallel' ? regionsOf(node).length : node.type === 'compound' ? 1 : 0
  if (keys.length !== expected) return false
  return keys.every((key) => {
    const active = node.states.get(key)
    if (active === undefined || active.type === 'history') return false
    return (node.type === 'parallel' || !isLeaf(active)) && fits(active, value[key] as JsonValue)
  })
}

/** A value of XState with its regions in the order of the definition; it turns them round where a machine ends. */
export function inOrder(node: StateNode, value: StateValue): StateValue {
  if (typeof value === 'string') return value
  const active = [...node.states.values()].filter(({ key }) => Object.hasOwn(value, key))
  return Object.fromEntries(active.map((state) => [state.key, inOrder(state, value[state.key] as StateValue)]))
}

/** The active states of a value that fits the tree, the root included. */
export function activeStates(root: StateNode, value: StateValue): StateNode[] {
  if (typeof value === 'string') return [root, root.states.get(value) as StateNode]
  return [
    root,
    ...Object.keys(value).flatMap((key) => activeStates(root.states.get(key) as StateNode, value[key] ?? {})),
  ]
}

export function isLeaf(node: StateNode): boolean {
  return node.type === 'atomic' || node.type === 'final'
}

/** The states inside that can be active. */
function regionsOf({ states }: StateNode): StateNode[] {
  return [...states.values()].filter((state) => state.type !== 'history')
}
