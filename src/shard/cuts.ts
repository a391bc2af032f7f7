// What a shard does at the moment of a cut (router/cut.ts): its parts register under a name, and whoever asks for a cut names
// one. Owned by the actor, which calls it between two batches, when the directory stands as it was committed.
import type { CutBody } from '../protocol/cut.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import { refusalReply } from '../protocol/errors.ts'
import type { MailboxEntry, ReplyEntry } from '../protocol/mailbox.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Directory } from '../state/directory.ts'

/** What stands at the moment of a cut. It changes with the next batch. */
export interface Moment {
  readonly directory: Directory
  /** The last commit that is in it. */
  readonly commitNumber: number
}

/** Does its part at once, or begins it; `answer` is called once, then or later. */
export type OnCut = (body: JsonObject, moment: Moment, answer: (reply: JsonObject) => void) => void

export class Cuts {
  readonly #parts: Map<string, OnCut>
  readonly #directory: Directory
  readonly #send: (replies: ReplyEntry[]) => void

  constructor(parts: Readonly<Record<string, OnCut>>, directory: Directory, send: (replies: ReplyEntry[]) => void) {
    this.#parts = new Map(Object.entries(parts))
    this.#directory = directory
    this.#send = send
  }

  take([id, , , body]: MailboxEntry, commitNumber: number): void {
    const { cut } = body as JsonObject as CutBody
    const part = this.#parts.get(cut)
    if (part === undefined) return this.#send([[id, refusalReply(invalidRequest(`no cut is for '${cut}'`))]])
    // What a cut begins may take longer than a request may.
    this.#send([[id, null, 'parked']])
    part(body as JsonObject, { directory: this.#directory, commitNumber }, (reply) => this.#send([[id, reply]]))
  }
}
