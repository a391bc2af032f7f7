// What a call is rejected with: a refusal of the server in its words, or what only the client can know. Whoever catches
// one learns the code, whether the same call may succeed later, and whether the command may have run.
import {
  type ErrorCode,
  errorTable,
  isErrorCode,
  isRetryable,
  mayHaveRun,
  type Refusal,
  refusal,
  refusalReply,
} from '../protocol/errors.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'

interface ClientErrorRow {
  readonly meaning: string
  readonly retryable: boolean
  readonly message: (reason: string) => string
}

/** What no server says. With none of these the command has run. */
export const clientErrorTable = {
  NOT_CONNECTED: {
    meaning: 'No server answered in time. The command was not sent.',
    retryable: true,
    message: (reason) => `Not connected: ${reason}`,
  },
  NOT_SENT: {
    meaning: 'The command waited in the client for its turn until its time was over.',
    retryable: true,
    message: (reason) => `Not sent: ${reason}`,
  },
  CLIENT_CLOSED: {
    meaning: 'The client was closed before the command was sent.',
    retryable: false,
    message: (reason) => `The client is closed: ${reason}`,
  },
  LOCK_TIMEOUT: {
    meaning: 'The lock was not free in time. What was to be done under it was not begun.',
    retryable: true,
    message: (reason) => `No lock: ${reason}`,
  },
  LIST_CHANGED: {
    meaning: 'The state changed between two pages of a list that was to show one moment.',
    retryable: true,
    message: (reason) => `The list changed: ${reason}`,
  },
  SHARDS_MISSING: {
    meaning: 'A list could not be had whole, since some shards are damaged or quarantined; the details hold the rest.',
    retryable: false,
    message: (reason) => `The list is not whole: ${reason}`,
  },
} as const satisfies Record<string, ClientErrorRow>

export type ClientErrorCode = keyof typeof clientErrorTable
export type HoldfastErrorCode = ErrorCode | ClientErrorCode

export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: HoldfastErrorCode
  /** What the message says, as data: the names of fields, limits, versions. */
  readonly details: JsonObject

  constructor(code: HoldfastErrorCode, message: string, details: JsonObject) {
    super(message)
    this.code = code
    this.details = details
  }

  /** True if the same call may succeed later: the command did not run, and what was in its way passes. */
  get retryable(): boolean {
    return isErrorCode(this.code) ? isRetryable(this.code) : (clientRow(this.code)?.retryable ?? false)
  }

  /** True if nobody can tell whether the command ran: then look at what stands before calling again. */
  get mayHaveRun(): boolean {
    if (isErrorCode(this.code)) return mayHaveRun(this.code)
    // A server newer than this client may have codes that are not known here.
    return clientRow(this.code) === undefined
  }
}

function clientRow(code: string): ClientErrorRow | undefined {
  return Object.hasOwn(clientErrorTable, code) ? clientErrorTable[code as ClientErrorCode] : undefined
}

export const unreadable = 'the reply cannot be read'

export function clientError(code: ClientErrorCode, reason: string, details: JsonObject = {}): HoldfastError {
  return new HoldfastError(code, clientErrorTable[code].message(reason), { reason, ...details })
}

export function errorOfRefusal({ code, message, details }: Refusal): HoldfastError {
  return new HoldfastError(code, message, details)
}

/** The error that an error reply in its documented form stands for. */
export function errorOfReply(reply: JsonObject): HoldfastError {
  const { status: _, code, message, request_id: __, ...details } = reply
  if (typeof code !== 'string' || typeof message !== 'string') return outcomeUnknown(unreadable)
  return new HoldfastError(code as HoldfastErrorCode, message, details)
}

export function outcomeUnknown(reason: string): HoldfastError {
  return errorOfRefusal(refusal('OUTCOME_UNKNOWN', { reason }))
}

/** The reply that stands for one that does not say what became of a command sent before. */
export function unknownReply({ message }: JsonObject): JsonObject {
  return refusalReply(refusal('OUTCOME_UNKNOWN', { reason: typeof message === 'string' ? message : unreadable }))
}

/** True for a refusal that says what is wrong with a message, whenever it comes. */
export function isRequestError(code: JsonValue | undefined): boolean {
  return isErrorCode(code) && errorTable[code].class === 'request'
}

/** True for refusals that pass by themselves, after which the same command can be sent again: it did not run. */
export function passesByItself(code: JsonValue | undefined): boolean {
  return isErrorCode(code) && errorTable[code].class === 'try again'
}
