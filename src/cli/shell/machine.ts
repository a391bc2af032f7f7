// A machine as people see it: its states and transitions below each other, or as the text of a Mermaid diagram, made of what
// the daemon says of a state. Called by the script and by the terminal. No control character of the data gets through.
import { Problem } from '../../base/problem.ts'
import { readMachine } from '../../protocol/machine-definition.ts'
import { mermaidOf } from '../../protocol/machine-diagram.ts'
import type { StateNode, Transition } from '../../protocol/machine-tree.ts'
import { isObject, type JsonObject, type JsonValue } from '../../protocol/value.ts'
import { escaped, shownValue } from '../escape.ts'
import type { Look } from './look.ts'

/** In the words with which the shell is asked for them. */
export const drawings = {
  machine: 'draws the states and transitions of a machine',
  mermaid: 'writes them as a diagram for Mermaid',
} as const

export type Drawing = keyof typeof drawings

/** The machine in a good reply to GET_STATE_INFO, without a new line at its end; or why there is none. */
export function drawMachine(reply: JsonObject, drawing: Drawing, look: Look): string | Problem {
  const definition = definitionOf(reply)
  const name = shownValue(reply.name ?? '')
  if (definition === undefined) {
    return new Problem(`'${name}' is of kind '${shownValue(reply.kind ?? '')}', and no field of it follows a machine.`)
  }
  const root = readMachine(definition)
  if ('code' in root) {
    const reason = `${escaped(root.path)}: ${escaped(root.reason)}`
    return new Problem(`the machine of '${name}' cannot be drawn: ${reason}.`, `GET_STATE_INFO shows its definition.`)
  }
  return drawing === 'mermaid' ? mermaidOf(root).trimEnd() : outline(root, look)
}

/** A machine has one of its own; a table may have one for a field. */
function definitionOf({ definition, machine }: JsonObject): JsonValue | undefined {
  return definition ?? (isObject(machine) ? machine.definition : undefined)
}

function outline(root: StateNode, look: Look): string {
  const fromAnywhere = arrows(root, '  ')
  const anywhere = fromAnywhere.length === 0 ? [] : [look.colors.dim('in any state'), ...fromAnywhere]
  return [...anywhere, ...statesBelow(root, '', look)].join('\n')
}

/** Each state with its transitions, and the states in it a step to the right. */
function statesBelow(parent: StateNode, indent: string, look: Look): string[] {
  const { bold, dim } = look.colors
  return [...parent.states.values()].flatMap((node) => {
    const remarks = [...(parent.initial === node ? ['initial'] : []), ...remarksOf(node)]
    const remark = remarks.length === 0 ? '' : ` ${dim(`(${remarks.join(', ')})`)}`
    const inner = `${indent}  `
    return [`${indent}${bold(escaped(node.key))}${remark}`, ...arrows(node, inner), ...statesBelow(node, inner, look)]
  })
}

function remarksOf({ type, history }: StateNode): string[] {
  if (type === 'history') return [history === 'deep' ? 'deep history' : 'history']
  return type === 'final' || type === 'parallel' ? [type] : []
}

function arrows(node: StateNode, indent: string): string[] {
  const all: [string, Transition][] = [
    ...[...node.on].map(([event, transition]): [string, Transition] => [escaped(event), transition]),
    ...[...node.after].map(([delayMs, transition]): [string, Transition] => [`after ${delayMs} ms`, transition]),
    ...(node.onDone === undefined ? [] : [['when done', node.onDone] satisfies [string, Transition]]),
    ...(node.fallback === undefined ? [] : [['at first', node.fallback] satisfies [string, Transition]]),
  ]
  const width = Math.max(0, ...all.map(([label]) => label.length))
  return all.map(([label, transition]) => `${indent}${label.padEnd(width)} → ${destination(transition)}`)
}

function destination({ targets, actions, reenter }: Transition): string {
  if (targets.length === 0) return actions.length === 0 ? '(nothing)' : '(stays)'
  const paths = targets.map(({ path }) => (path === '' ? '(the machine)' : escaped(path)))
  return `${paths.join(' and ')}${reenter ? ', anew' : ''}`
}
