// Commands by what they are about, for whoever counts or times them: a handful of families, where there are dozens of
// commands. Derived from the registry.
import { commandNames, commands } from './commands.ts'

export const commandFamilies = ['states', 'tables', 'keys', 'machines', 'locks', 'changes'] as const
export type CommandFamily = (typeof commandFamilies)[number]

const familyOfTarget = {
  directory: 'states',
  state: 'states',
  table: 'tables',
  keys: 'keys',
  machine: 'machines',
  lock: 'locks',
} as const

const families = new Map<string, CommandFamily>(
  commandNames.map((name) => [name, name === 'GET_CHANGES' ? 'changes' : familyOfTarget[commands[name].target]]),
)

/** A command that is not known belongs to none. */
export function familyOf(command: string): CommandFamily | undefined {
  return families.get(command)
}
