// How a part of the model refuses a command.
import type { JsonObject } from '../../src/protocol/value.ts'

/** Ends a command before it has changed anything. */
export class Refused extends Error {
  readonly reply: JsonObject
  constructor(code: string, details: JsonObject = {}) {
    super(code)
    this.reply = { status: 'error', code, ...details }
  }
}
