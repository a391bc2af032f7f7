// A machine drawn as a state diagram in the language of Mermaid. Reads the tree, owns nothing; called by the shell and by
// whoever wants the text. Invariant: no name, description or event of a user can end its label or begin a statement.

import { nodesOf, type StateNode, type Transition } from './machine-tree.ts'

/** The text of the diagram, its lines ended by line feeds. */
export function mermaidOf(root: StateNode): string {
  const numbers = new Map(nodesOf(root).map((node, index) => [node, index] as const))
  const lines = ['stateDiagram-v2', ...inside(root, '  ', numbers), ...transitions(root, numbers)]
  return `${lines.join('\n')}\n`
}

type Numbers = ReadonlyMap<StateNode, number>

function nameOf(node: StateNode, numbers: Numbers): string {
  // Names are numbers because Mermaid's may hold letters and digits only; what a state is called is its label.
  return `s${numbers.get(node)}`
}

function inside(node: StateNode, indent: string, numbers: Numbers): string[] {
  const states = [...node.states.values()]
  if (node.type === 'parallel') {
    return states.flatMap((state, index) => [...(index === 0 ? [] : [`${indent}--`]), ...drawn(state, indent, numbers)])
  }
  const start = node.initial === undefined ? [] : [`${indent}[*] --> ${nameOf(node.initial, numbers)}`]
  const ends = states
    .filter(({ type }) => type === 'final')
    .map((state) => `${indent}${nameOf(state, numbers)} --> [*]`)
  return [...states.flatMap((state) => drawn(state, indent, numbers)), ...start, ...ends]
}

function drawn(node: StateNode, indent: string, numbers: Numbers): string[] {
  const mark = node.type !== 'history' ? '' : node.history === 'deep' ? ' (H*)' : ' (H)'
  const declared = `${indent}state "${escaped(node.key)}${mark}" as ${nameOf(node, numbers)}`
  if (node.states.size === 0) return [declared]
  return [declared, `${indent}state ${nameOf(node, numbers)} {`, ...inside(node, `${indent}  `, numbers), `${indent}}`]
}

/** All of them behind the states: Mermaid puts a state into the first block that mentions it. */
function transitions(root: StateNode, numbers: Numbers): string[] {
  return nodesOf(root).flatMap((node) => {
    const labelled: [string, Transition][] = [
      ...[...node.on].map(([event, transition]): [string, Transition] => [escaped(event), transition]),
      ...[...node.after].map(([delayMs, transition]): [string, Transition] => [`after ${delayMs} ms`, transition]),
      ...(node.onDone === undefined ? [] : [['done', node.onDone] satisfies [string, Transition]]),
      ...(node.fallback === undefined ? [] : [['at first', node.fallback] satisfies [string, Transition]]),
    ]
    return labelled.flatMap(([label, { targets }]) => {
      const from = ends(node, numbers)
      return targets.flatMap((target) =>
        from.flatMap((one) =>
          ends(target, numbers)
            .slice(0, 1)
            .map((other) => `  ${one} --> ${other} : ${label}`),
        ),
      )
    })
  })
}

/** The root has no box of its own: what leaves it leaves each of its states. */
function ends(node: StateNode, numbers: Numbers): string[] {
  if (node.parent !== undefined) return [nameOf(node, numbers)]
  const states = node.initial === undefined ? [] : [node.initial]
  const others = [...node.states.values()].filter((state) => state !== node.initial && state.type !== 'history')
  return [...states, ...others].map((state) => nameOf(state, numbers))
}

/** Anything but letters, digits and a few harmless signs as Mermaid's numbered character. */
function escaped(text: string): string {
  return text.replace(/[^\p{L}\p{N} _.\-*]/gu, (character) => `#${character.codePointAt(0)};`)
}
