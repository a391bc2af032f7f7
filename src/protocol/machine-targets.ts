// Finds the states that the transitions of a machine lead to, by the rules of XState: `#id.path` from an id, `.path` from
// the state itself, `name.path` from its parent. Called by machine-definition.ts once the whole tree is read.
// Invariant: the targets of a transition can be active together, so no transition leads to a state that is none.

import {
  areInDifferentRegions,
  isWithin,
  type MachineProblem,
  nodesOf,
  type StateNode,
  type Transition,
} from './machine-tree.ts'

/** Fills in `targets` of each transition; or says which is wrong. */
export function resolveTargets(root: StateNode, transitions: readonly Transition[]): MachineProblem | undefined {
  const byId = new Map(nodesOf(root).map((node) => [node.id, node]))
  for (const transition of transitions) {
    const targets: StateNode[] = []
    for (const written of transition.written ?? []) {
      const target = resolve(written, transition, byId)
      if (target === undefined) return problem(transition, `'${written}' leads to no state`)
      targets.push(target)
    }
    transition.targets = targets
    const reason = transition.source.fallback === transition ? fallbackProblem(transition) : togetherProblem(targets)
    if (reason !== undefined) return problem(transition, reason)
  }
  return undefined
}

function problem({ pointer: path }: Transition, reason: string): MachineProblem {
  return { code: 'INVALID_DEFINITION', path, reason }
}

function resolve(written: string, { source }: Transition, byId: Map<string, StateNode>): StateNode | undefined {
  const [first = '', ...path] = written.split('.')
  if (first.startsWith('#')) return follow(byId.get(first.slice(1)), path)
  if (first === '') return path.length === 0 ? undefined : follow(source, path)
  // The root has no parent from which its plain targets could be looked up.
  return follow(source.parent, [first, ...path])
}

function follow(start: StateNode | undefined, path: readonly string[]): StateNode | undefined {
  return path.reduce<StateNode | undefined>((node, key) => node?.states.get(key), start)
}

/** Anything else than one real state inside the parent could lead XState into itself, or out of the state it enters. */
function fallbackProblem({ targets, source }: Transition): string | undefined {
  const [target] = targets
  const parent = source.parent as StateNode
  const isGood = targets.length === 1 && target?.type !== 'history' && isWithin(target as StateNode, parent)
  return isGood ? undefined : 'a history state leads to one ordinary state inside its parent'
}

function togetherProblem(targets: readonly StateNode[]): string | undefined {
  // What a history state brings back is somewhere in its parent.
  const places = targets.map((node) => (node.type === 'history' ? (node.parent as StateNode) : node))
  const isGood = places.every((a, index) => places.slice(index + 1).every((b) => areInDifferentRegions(a, b)))
  return isGood ? undefined : 'several targets must be in different regions of a parallel state'
}
