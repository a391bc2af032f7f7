// The tree that a machine's definition is read into: states, and the transitions between them. Data only, with the
// questions about places in the tree that everybody asks. machine-definition.ts makes it; nobody changes it later.

export interface MachineProblem {
  /** UNSUPPORTED: XState has it, machines here do not. INVALID_DEFINITION: it means nothing, or nothing good. */
  code: 'UNSUPPORTED' | 'INVALID_DEFINITION'
  /** JSON pointer into the definition. */
  path: string
  reason: string
}

export const stateTypes = ['atomic', 'compound', 'parallel', 'final', 'history'] as const
export type StateType = (typeof stateTypes)[number]

export interface StateNode {
  readonly key: string
  /** What XState calls it: its own `id`, or the root's id and the path. */
  readonly id: string
  /** The keys from below the root down to it, joined by dots; empty for the root. No key holds a dot. */
  readonly path: string
  readonly pointer: string
  readonly parent: StateNode | undefined
  type: StateType
  /** In the order of the definition, which is the order in which XState enters them. */
  readonly states: Map<string, StateNode>
  /** Set for compound states. */
  initial: StateNode | undefined
  /** Set for history states, with where they lead before there is any history. */
  history: 'shallow' | 'deep' | undefined
  fallback: Transition | undefined
  readonly on: Map<string, Transition>
  /** By milliseconds. */
  readonly after: Map<number, Transition>
  onDone: Transition | undefined
  /** Names of actions, which are only reported. */
  entry: readonly string[]
  exit: readonly string[]
}

export interface Transition {
  readonly pointer: string
  readonly source: StateNode
  /** As they were written; undefined where the event is accepted, or blocked, without leaving the state. */
  readonly written: readonly string[] | undefined
  /** The same, resolved. */
  targets: readonly StateNode[]
  readonly reenter: boolean
  readonly actions: readonly string[]
}

/** A state and all below it, in the order of the definition. */
export function nodesOf(node: StateNode): StateNode[] {
  return [node, ...[...node.states.values()].flatMap(nodesOf)]
}

/** Whether a state is somewhere below another. */
export function isWithin(node: StateNode, ancestor: StateNode): boolean {
  let above = node.parent
  while (above !== undefined && above !== ancestor) above = above.parent
  return above === ancestor
}

/** Whether two states can be active together though neither is inside the other. */
export function areInDifferentRegions(a: StateNode, b: StateNode): boolean {
  if (a === b || isWithin(a, b) || isWithin(b, a)) return false
  let common = a.parent as StateNode
  while (!isWithin(b, common)) common = common.parent as StateNode
  return common.type === 'parallel'
}
