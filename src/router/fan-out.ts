// Commands that every shard answers: a marker goes into every mailbox in one turn, and the answers become one reply.
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import type { ReplyBody } from '../protocol/mailbox.ts'
import type { MessageCommand } from '../protocol/message.ts'
import { isObject, type JsonObject } from '../protocol/value.ts'
import type { Mailbox, Respond, ShardRequest } from './mailbox.ts'

/** Makes one reply of the replies of the shards that serve, in their order. */
export type Join = (answers: readonly JsonObject[], command: JsonObject) => JsonObject

/**
 * Asks every shard. One that is recovering is waited for until the deadline, and then the whole command is refused; one
 * that will not serve is named in `missing_shards`, beside what the others answer. Where none serves there is nothing to
 * tell, and the command is refused as the first shard refuses it. All these commands are reads: a shard that dies before
 * it answered is asked again. With `detail` those that do not serve now are missing, too: it is asked for to see them.
 */
export function fanOut(
  mailboxes: readonly Mailbox[],
  { command }: MessageCommand,
  join: Join,
  deadlineMs: number,
  respond: Respond,
): void {
  const answers: (JsonObject | Refusal)[] = []
  const waitsForNobody = command.detail === true
  let awaited = mailboxes.length
  let settled = false
  const giveUps: (() => void)[] = []

  const finish = (reply: JsonObject): void => {
    if (settled) return
    settled = true
    clearTimeout(timer)
    for (const giveUp of giveUps) giveUp()
    respond(reply)
  }
  const take = (index: number, answer: JsonObject | Refusal): void => {
    answers[index] = answer
    awaited -= 1
    if (awaited === 0) finish(joined(answers, command, join))
  }
  const timer = setTimeout(() => {
    const shard = mailboxes.find(({ condition }) => condition === 'recovering')?.shard
    finish(
      refusalReply(
        shard === undefined
          ? refusal('OUTCOME_UNKNOWN', { reason: `not every shard answered within ${deadlineMs / 1000} s` })
          : refusal('SHARD_RECOVERING', { shard }),
      ),
    )
  }, deadlineMs)

  for (const [index, mailbox] of mailboxes.entries()) {
    const ask = (): void => {
      if (!settled) giveUps[index] = mailbox.whenReady(() => mailbox.submit(request))
    }
    const request: ShardRequest = {
      sentAs: 'marker',
      routingKey: '',
      body: command,
      bytes: 0,
      respond: (body: ReplyBody) => {
        const reply = isObject(body) ? body : {}
        if (reply.status === 'ok') take(index, reply)
        else finish(reply)
      },
      refuse: (refused) => {
        if (refused.code === 'SHARD_CORRUPT' || refused.code === 'QUARANTINED') take(index, refused)
        else if (mailbox.condition === 'recovering') ask()
        else finish(refusalReply(refused))
      },
    }
    if (waitsForNobody && mailbox.condition !== 'serving')
      take(index, refusal('SHARD_RECOVERING', { shard: mailbox.shard }))
    else ask()
  }
}

function joined(answers: readonly (JsonObject | Refusal)[], command: JsonObject, join: Join): JsonObject {
  const served = answers.filter((answer): answer is JsonObject => 'status' in answer)
  if (served.length === 0) return refusalReply(answers[0] as Refusal)
  const reply = join(served, command)
  if (served.length === answers.length) return reply
  return { ...reply, missing_shards: [...answers.keys()].filter((shard) => !('status' in (answers[shard] as object))) }
}
