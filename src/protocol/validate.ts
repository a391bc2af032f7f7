// Checks the arguments of a command against the registry, with one compiled validator for each command. The fast path
// says only yes or no; the words for a refusal are found afterwards, argument by argument.
import Type, { type TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { expectation } from './arguments.ts'
import { type CommandName, commandNames, declarationOf } from './commands.ts'
import { printable } from './envelope.ts'
import { keyProblem } from './names.ts'
import { depthMax, type JsonObject, operationDepthMax, valueProblem } from './value.ts'

/** Fields that any command in the documented form may have besides its arguments. */
const envelopeFields = new Set(['cmd', 'state', 'request_id'])

interface CompiledCommand {
  readonly fields: ReadonlySet<string>
  readonly check: Validator
}

function compiled(name: CommandName): CompiledCommand {
  const { args } = declarationOf(name)
  return { fields: new Set(Object.keys(args)), check: Compile(Type.Object(args)) }
}

const validators = new Map(commandNames.map((name) => [name, compiled(name)]))

/** Says why `command` cannot be run, or undefined. The routing key and the name were checked by who found them. */
export function argumentsProblem(name: CommandName, command: JsonObject): string | undefined {
  const { fields, check } = validators.get(name) as CompiledCommand
  for (const field in command) {
    if (fields.has(field)) {
      // Each argument of an operation may be nested as deep as that of a command, and is looked at again by itself.
      const problem = valueProblem(command[field], name === 'TRANSACTION' ? operationDepthMax : depthMax)
      if (problem !== undefined) return `${problem}, in '${field}' of ${name}`
    } else if (!envelopeFields.has(field)) return `${name} has no field '${printable(field)}'`
    else if (field === 'state' && declarationOf(name).routing !== 'state') return `${name} has no field 'state'`
  }
  if (!check.Check(command)) return firstProblem(name, command)
  return fields.has('key') ? keyProblem(command.key as string) : undefined
}

function firstProblem(name: CommandName, command: JsonObject): string {
  const args = Object.entries<TSchema>(declarationOf(name).args)
  for (const [field, type] of args) {
    if (!Object.hasOwn(command, field)) {
      if (!Type.IsOptional(type)) return `${name} needs '${field}', ${expectation(type)}`
    } else if (!Compile(type).Check(command[field])) return `'${field}' of ${name} must be ${expectation(type)}`
  }
  return `${name} is not well formed`
}
