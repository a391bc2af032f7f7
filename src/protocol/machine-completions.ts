// Finds machines that would never come to rest. Completing a state raises an event of its own, which is followed at once;
// if that completes further states and so on round in a circle, XState goes on for ever. Called by machine-definition.ts.
// Invariant: errs to the safe side. What passes comes to rest; a machine that is refused might have, with luck.

import { isWithin, type MachineProblem, nodesOf, type StateNode, type Transition } from './machine-tree.ts'

/** The first transition on completion that may lead back to itself without any event. */
export function findEndlessCompletion(root: StateNode): MachineProblem | undefined {
  const nodes = nodesOf(root)
  const completedBy = (transition: Transition) => completions(transition.targets.flatMap(enteredWith))
  // A wildcard answers completions too, unless it is asked after a state's own transition on completion.
  const wildcards = nodes.flatMap((node) => node.on.get('*') ?? [])
  const byWildcard = new Map(wildcards.map((wildcard) => [wildcard, completedBy(wildcard)]))

  const followers = new Map<StateNode, ReadonlySet<StateNode>>()
  for (const node of nodes) {
    const next = new Set(node.onDone === undefined ? [] : completedBy(node.onDone))
    for (const [{ source }, completed] of byWildcard) {
      const isAskedLater = node.onDone !== undefined && (source === node || isWithin(node, source))
      if (!isAskedLater) for (const each of completed) next.add(each)
    }
    followers.set(node, next)
  }
  const ended = circle(followers)
  if (ended === undefined) return undefined
  const path = (ended.onDone ?? wildcards[0])?.pointer ?? ended.pointer
  return { code: 'INVALID_DEFINITION', path, reason: 'completing a state leads to its completion again, without end' }
}

/** A state that follows from itself, if one does. */
function circle(followers: ReadonlyMap<StateNode, ReadonlySet<StateNode>>): StateNode | undefined {
  const seen = new Map<StateNode, 'open' | 'closed'>()
  const visit = (node: StateNode): StateNode | undefined => {
    if (seen.get(node) === 'closed') return undefined
    if (seen.get(node) === 'open') return node
    seen.set(node, 'open')
    for (const next of followers.get(node) ?? []) {
      const found = visit(next)
      if (found !== undefined) return found
    }
    seen.set(node, 'closed')
    return undefined
  }
  for (const node of followers.keys()) {
    const found = visit(node)
    if (found !== undefined) return found
  }
  return undefined
}

/** The states that may be complete once these final states are entered. The root ends the machine, and with it the circle. */
function completions(entered: readonly StateNode[]): StateNode[] {
  const completed = new Set<StateNode>()
  for (const final of entered) {
    let above = final.parent
    if (above?.type === 'compound') {
      completed.add(above)
      above = above.parent
    }
    for (; above?.type === 'parallel'; above = above.parent) completed.add(above)
  }
  return [...completed].filter((node) => node.parent !== undefined)
}

/** Every final state that entering a target may enter with it: below it, and in the regions beside it. */
function enteredWith(target: StateNode): StateNode[] {
  const beside: StateNode[] = []
  for (let node = target; node.parent !== undefined; node = node.parent) {
    if (node.parent.type !== 'parallel') continue
    for (const region of node.parent.states.values()) if (region !== node) beside.push(...enteredAtFirst(region))
  }
  // History may bring back any of them.
  const own = target.type === 'history' ? nodesOf(target.parent as StateNode).filter(isFinal) : enteredAtFirst(target)
  return [...own, ...beside]
}

function enteredAtFirst(node: StateNode): StateNode[] {
  if (isFinal(node)) return [node]
  if (node.type === 'parallel') return [...node.states.values()].flatMap(enteredAtFirst)
  return node.initial === undefined ? [] : enteredAtFirst(node.initial)
}

function isFinal(node: StateNode): boolean {
  return node.type === 'final'
}
