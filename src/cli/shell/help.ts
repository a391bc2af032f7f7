// The shell's help, made from the registry.
import { expectation } from '../../protocol/arguments.ts'
import { type CommandName, commandNames, declarationOf, versionFieldOf } from '../../protocol/commands.ts'
import { parametersOf, usageOf } from './input.ts'
import type { Look } from './look.ts'
import { drawings } from './machine.ts'

/** Where there is no terminal. */
const widthOtherwise = 100

const ownHelp = {
  ...Object.fromEntries(Object.entries(drawings).map(([word, meaning]) => [`${word} STATE`, meaning])),
  'help COMMAND': 'says what a command takes and replies',
  exit: 'leaves, as Ctrl-D does',
}

const forms = `A command is its name, what it needs in order, and what else it takes by name:
  CREATE_STATE leads max_length=1000
  PATCH_RECORD leads 1 {"status": "won"}
  GET_RECORD 'my leads' id=1
Texts with spaces stand in quotes. JSON may take several lines. Commands as they
are on the wire work as well: {"cmd": "PING"}, or a list of such.`

/** Of one command, or of all and how they are written. */
export function helpFor(topic: CommandName | undefined, look: Look): string {
  return topic === undefined ? helpText(look) : helpOfCommand(topic, look)
}

function helpText(look: Look): string {
  const commands = Object.fromEntries(commandNames.map((name) => [name, declarationOf(name).summary]))
  return `${twoColumns(commands, look)}\n\n${twoColumns(ownHelp, look)}\n\n${forms}`
}

function helpOfCommand(name: CommandName, look: Look): string {
  const { summary, reply } = declarationOf(name)
  const { bold } = look.colors
  const takes = parametersOf(name).map((parameter): [string, string] => {
    return [parameter.name, `${expectation(parameter.type)}${parameter.isOptional ? '; may be left out' : ''}`]
  })
  const fields = [...Object.keys(reply), versionFieldOf(name)].filter((field) => field !== undefined)
  const parts = [
    `${bold(usageOf(name))}\n${summary}`,
    ...(takes.length === 0 ? [] : [twoColumns(Object.fromEntries(takes), look)]),
    `Replies with ${fields.join(', ')}.`,
  ]
  return parts.join('\n\n')
}

/** Names and what they mean, with the meanings below each other. */
function twoColumns(rows: Readonly<Record<string, string>>, { colors, width = widthOtherwise }: Look): string {
  const nameWidth = Math.max(...Object.keys(rows).map((name) => name.length))
  const indent = ' '.repeat(nameWidth + 2)
  const entries = Object.entries(rows).map(([name, meaning]) => {
    const text = wrapped(meaning, Math.max(20, width - indent.length)).join(`\n${indent}`)
    return `${colors.bold(name.padEnd(nameWidth))}  ${text}`
  })
  return entries.join('\n')
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
