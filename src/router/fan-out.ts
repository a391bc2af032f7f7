// Commands that every shard answers: a marker goes into every mailbox in one turn, and the answers become one reply.
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import type { ReplyBody } from '../protocol/mailbox.ts'
import type { MessageCommand } from '../protocol/message.ts'
import { isObject, type JsonObject } from '../protocol/value.ts'
import type { Mailbox, Respond, ShardRequest } from './mailbox.ts'

/** Makes one reply of the replies of all shards, in the order of the shards. */
export type Join = (answers: readonly JsonObject[], command: JsonObject) => JsonObject

/**
 * Asks every shard. One that is recovering is waited for until the deadline, and then the whole command is refused;
 * nothing is answered from a part of the shards.
 */
export function fanOut(
  mailboxes: readonly Mailbox[],
  { command }: MessageCommand,
  join: Join,
  deadlineMs: number,
  respond: Respond,
): void {
  const answers: JsonObject[] = []
  let missing = mailboxes.length
  let settled = false
  const giveUps: (() => void)[] = []

  const finish = (reply: JsonObject): void => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    for (const giveUp of giveUps) giveUp()
    respond(reply)
  }
  const refuse = (refused: Refusal): void => finish(refusalReply(refused))
  const timer = setTimeout(() => {
    const shard = mailboxes.find((mailbox) => !mailbox.isReady)?.shard
    refuse(
      shard === undefined
        ? refusal('OUTCOME_UNKNOWN', { reason: `not every shard answered within ${deadlineMs / 1000} s` })
        : refusal('SHARD_RECOVERING', { shard }),
    )
  }, deadlineMs)

  for (const [index, mailbox] of mailboxes.entries()) {
    const answer = (body: ReplyBody): void => {
      const reply = isObject(body) ? body : {}
      if (reply.status !== 'ok') return finish(reply)
      answers[index] = reply
      missing -= 1
      if (missing === 0) finish(join(answers, command))
    }
    const request: ShardRequest = { sentAs: 'marker', routingKey: '', body: command, bytes: 0, respond: answer, refuse }
    giveUps.push(mailbox.whenReady(() => mailbox.submit(request)))
  }
}
