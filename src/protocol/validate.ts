// Checks the arguments of a command against the registry, with one compiled validator for each command. The fast path
// says only yes or no; the words for a refusal are found afterwards, argument by argument.
import Type, { type TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { expectation, type Fence, FenceArgument } from './arguments.ts'
import { type CommandName, commandNames, declarationOf, mayBeFenced, nameFieldOf } from './commands.ts'
import { printable } from './envelope.ts'
import { keyProblem, nameProblem } from './names.ts'
import { depthMax, type JsonObject, type JsonValue, operationDepthMax, valueProblem } from './value.ts'

/** Fields that any command in the documented form may have besides its arguments. */
const envelopeFields = new Set(['cmd', 'state', 'lock', 'request_id'])

interface CompiledCommand {
  readonly args: Readonly<Record<string, TSchema>>
  readonly fields: ReadonlySet<string>
  readonly nameField: string | undefined
  readonly check: Validator
}

function compiled(name: CommandName): CompiledCommand {
  const args = argumentTypesOf(name)
  return { args, fields: new Set(Object.keys(args)), nameField: nameFieldOf(name), check: Compile(Type.Object(args)) }
}

const validators = new Map(commandNames.map((name) => [name, compiled(name)]))

/** The types of all arguments that a command may have: its own, and those that many commands may have. */
export function argumentTypesOf(name: CommandName): Readonly<Record<string, TSchema>> {
  const { args } = declarationOf(name)
  return mayBeFenced(name) ? { ...args, fence: Type.Optional(FenceArgument) } : args
}

/** Says why `command` cannot be run, or undefined. The routing key and the name were checked by who found them. */
export function argumentsProblem(name: CommandName, command: JsonObject): string | undefined {
  const { fields, nameField, check } = validators.get(name) as CompiledCommand
  for (const field in command) {
    if (fields.has(field)) {
      // Each argument of an operation may be nested as deep as that of a command, and is looked at again by itself.
      const problem = valueProblem(command[field], name === 'TRANSACTION' ? operationDepthMax : depthMax)
      if (problem !== undefined) return `${problem}, in '${field}' of ${name}`
    } else if (field === 'idempotency_key') {
      const problem = idempotencyKeyProblem(name, command[field])
      if (problem !== undefined) return problem
    } else if (!envelopeFields.has(field)) return `${name} has no field '${printable(field)}'`
    else if ((field === 'state' || field === 'lock') && field !== nameField) return `${name} has no field '${field}'`
  }
  if (!check.Check(command)) return firstProblem(name, command)
  const problem = fields.has('key') ? keyProblem(command.key as string) : undefined
  return problem ?? (command.fence === undefined ? undefined : nameProblem((command.fence as Fence).lock, 'lock'))
}

const idempotencyKeyBytesMax = 64

function idempotencyKeyProblem(name: CommandName, key: JsonValue | undefined): string | undefined {
  const { writes, routing } = declarationOf(name)
  if (!writes) return `${name} changes nothing, and takes no 'idempotency_key'`
  if (routing !== 'state' && routing !== 'operations')
    return `${name} takes no 'idempotency_key': no shard alone could keep its reply`
  return nameProblem(key, 'idempotency_key', idempotencyKeyBytesMax)
}

function firstProblem(name: CommandName, command: JsonObject): string {
  const args = Object.entries((validators.get(name) as CompiledCommand).args)
  for (const [field, type] of args) {
    if (!Object.hasOwn(command, field)) {
      if (!Type.IsOptional(type)) return `${name} needs '${field}', ${expectation(type)}`
    } else if (!Compile(type).Check(command[field])) return `'${field}' of ${name} must be ${expectation(type)}`
  }
  return `${name} is not well formed`
}
