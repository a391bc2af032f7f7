// Transactions between the router and the shards: what an operation is, how it is read from a request, and the steps by
// which one or several shards run them. Data only; router/transactions.ts says in which order, shard/transactions.ts what
// each step does.
import Type from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Counted, expectation, type Fence, Key, type RecordId, RecordIdArgument } from './arguments.ts'
import { type CommandName, declarationOf, defaultStateOf } from './commands.ts'
import { invalidRequest, mayWait, printable, readEnvelope } from './envelope.ts'
import { type Refusal, refusal } from './errors.ts'
import { keyProblem, nameProblem } from './names.ts'
import { argumentsProblem } from './validate.ts'
import { isObject, type JsonObject, type JsonValue } from './value.ts'

/** What has to stand for the transaction to happen: of a key, or of a record or an instance. */
export interface Check {
  readonly key?: string
  readonly id?: RecordId
  readonly version?: number
  readonly revision?: number
  readonly exists?: boolean
}

interface OperationBase {
  /** Its place in the transaction. */
  readonly index: number
  readonly state: string
}

export interface CheckOperation extends OperationBase {
  readonly check: Check
}

export interface WriteOperation extends OperationBase {
  readonly name: CommandName
  readonly args: JsonObject
}

/** The fence of the write at the same place: looked at as a check, on the shard of the lock. It has no result. */
export interface FenceOperation {
  readonly index: number
  readonly fence: Fence
}

/** Puts what was loaded of a snapshot in the place of what stands; only the router makes it. It has no result. */
export interface RestoreOperation {
  readonly index: number
  readonly restore: { readonly load: string; readonly snapshot: string; readonly states: readonly string[] }
}

export type Operation = CheckOperation | WriteOperation | FenceOperation | RestoreOperation

/** The name that says on which shard it is decided. */
export function routingKeyOf(operation: Operation): string {
  if ('restore' in operation) return operation.restore.states[0] ?? ''
  return 'fence' in operation ? operation.fence.lock : operation.state
}

/**
 * What a shard is asked to do for a transaction. `run`: all of it. The others are for one over several shards: `prepare`,
 * to decide its part, keep the states for it, and promise that it can be committed; `decide`, to the decider only: to commit
 * its own part together with the decision; `finish`, to bring about what was decided; `inquire`, to the decider: what was
 * decided, which is to abort if nothing was; `forget`, to the decider: nobody will ask again; `recovered`: to name what is
 * prepared and not finished, and decided and not forgotten. All but `run` may be asked again.
 */
export type TransactionStep =
  | { readonly step: 'run'; readonly operations: readonly Operation[] }
  | { readonly step: 'prepare'; readonly operations: readonly Operation[]; readonly part: Part }
  | { readonly step: 'decide'; readonly transaction: string; readonly participants: readonly number[] }
  | { readonly step: 'finish'; readonly transaction: string; readonly isCommitted: boolean }
  | { readonly step: 'inquire' | 'forget'; readonly transaction: string }
  | { readonly step: 'recovered' }

/** What a participant has to know of the whole. */
export interface Part {
  readonly transaction: string
  /** The shard that decides. */
  readonly decider: number
  readonly isDecider: boolean
}

/** The states that operations name, each once. */
export function statesOf(operations: readonly Operation[]): string[] {
  return [
    ...new Set(
      operations.flatMap((operation) => {
        if ('restore' in operation) return operation.restore.states
        return 'fence' in operation ? [] : [operation.state]
      }),
    ),
  ]
}

/** What operations restore, if they do: then there is no other beside it. */
export function restoreIn(operations: readonly Operation[]): RestoreOperation | undefined {
  const [first] = operations
  return first !== undefined && 'restore' in first ? first : undefined
}

/** The refusal of a transaction for one of its operations. */
export function failedAt(index: number, cause: Refusal): Refusal {
  const { code, message, details } = cause
  return refusal('TRANSACTION_FAILED', { index, cause: { code, message, ...details } })
}

/** What a transaction of one write came to, in the form of that write's own reply. */
export function replyOfOnly(reply: JsonObject): JsonObject {
  const [only] = (reply.results ?? []) as JsonObject[]
  if (only !== undefined) return { status: 'ok', ...only }
  return reply.code === 'TRANSACTION_FAILED' ? { status: 'error', ...(reply.cause as JsonObject) } : reply
}

/** A transaction is decided in one go: so many rows of all its SET_STATE take some ten milliseconds. */
const rowsMax = 10_000

/** Takes the operations of a request apart; each that comes out can be decided. */
export function readOperations(ops: readonly JsonValue[], operationsMax: number): Operation[] | Refusal {
  if (ops.length > operationsMax) {
    return refusal('LIMIT_EXCEEDED', { what: 'The number of operations in a transaction', limit: operationsMax })
  }
  const operations: Operation[] = []
  let rows = 0
  for (const [index, op] of ops.entries()) {
    const operation = isObject(op) && op.check !== undefined ? readCheck(op, index) : readWrite(op, index)
    if ('code' in operation) return failedAt(index, operation)
    if ('args' in operation && Array.isArray(operation.args.data)) rows += operation.args.data.length
    if ('args' in operation && operation.args.fence !== undefined) {
      const { fence, ...args } = operation.args
      operations.push({ ...operation, args }, { index, fence: fence as object as Fence })
      continue
    }
    if (rows > rowsMax) {
      return failedAt(index, refusal('LIMIT_EXCEEDED', { what: 'The number of rows in a transaction', limit: rowsMax }))
    }
    operations.push(operation)
  }
  return operations
}

function readWrite(op: JsonValue, index: number): WriteOperation | Refusal {
  if (!isObject(op)) return invalidRequest('an operation must be an object')
  const envelope = readEnvelope(op)
  if ('code' in envelope) return envelope
  const { name } = envelope
  const { cmd: _, state: named, ...args } = op
  if (declarationOf(name).transactional !== true || mayWait(name, args)) {
    const what = mayWait(name, args) ? `${name} with 'wait'` : name
    return invalidRequest(`${what} cannot be an operation of a transaction`)
  }
  for (const field of ['request_id', 'idempotency_key']) {
    if (args[field] !== undefined) return invalidRequest(`an operation has no '${field}'`)
  }
  const state = named === undefined ? defaultStateOf(name) : named
  const problem = state === undefined ? `${name} needs 'state'` : (nameProblem(state) ?? argumentsProblem(name, args))
  return problem === undefined ? { index, state: state as string, name, args } : invalidRequest(problem)
}

const checkTypes = {
  key: Key,
  id: RecordIdArgument,
  version: Counted,
  revision: Counted,
  exists: Type.Boolean({ expects: 'true or false' }),
} as const
const validators = new Map<string, Validator>(Object.entries(checkTypes).map(([field, type]) => [field, Compile(type)]))

function readCheck(op: JsonObject, index: number): CheckOperation | Refusal {
  const { check, ...others } = op
  const [other] = Object.keys(others)
  if (other !== undefined) return invalidRequest(`a check has no field '${printable(other)}' beside it`)
  if (!isObject(check)) return invalidRequest("'check' must be an object")
  const { state: named, ...wanted } = check
  const state = named === undefined && wanted.key !== undefined ? 'default' : named
  const problem = state === undefined ? "a check needs 'state'" : (nameProblem(state) ?? checkProblem(wanted))
  return problem === undefined ? { index, state: state as string, check: wanted } : invalidRequest(problem)
}

function checkProblem(wanted: JsonObject): string | undefined {
  for (const field in wanted) {
    if (!Object.hasOwn(checkTypes, field)) return `a check has no field '${printable(field)}'`
    const type = checkTypes[field as keyof typeof checkTypes]
    if (validators.get(field)?.Check(wanted[field]) !== true)
      return `'${field}' of a check must be ${expectation(type)}`
  }
  const { key, id, version, revision, exists } = wanted
  if ((key === undefined) === (id === undefined)) return "a check needs 'key' or 'id'"
  if (version !== undefined && key === undefined) return "'version' is that of a key; of an id, check 'revision'"
  if (version === undefined && revision === undefined && exists === undefined) {
    return "a check needs 'version', 'revision' or 'exists'"
  }
  return key === undefined ? undefined : keyProblem(key as string)
}
