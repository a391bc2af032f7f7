// Writes under a fence whose lock lives on another shard than their state: no shard alone can run one, so it is sent as a
// transaction of itself. Whoever makes the call sees the write's own reply, or its own refusal.
import { shardOf } from '../base/placement.ts'
import { type CommandName, declarationOf } from '../protocol/commands.ts'
import { mayWait } from '../protocol/envelope.ts'
import { replyOfOnly } from '../protocol/transactions.ts'
import { isObject, type JsonObject } from '../protocol/value.ts'
import type { Caller, CallOptions } from './caller.ts'
import { errorOfReply, HoldfastError } from './error.ts'

/** While the number of shards is not known, a lock of another name is taken to be elsewhere, which is never wrong. */
export function isFencedElsewhere(
  name: CommandName,
  routingKey: string,
  { fence, ...args }: JsonObject,
  shards = Number.MAX_SAFE_INTEGER,
): boolean {
  if (!isObject(fence) || typeof fence.lock !== 'string') return false
  // What waits, or is kept under a key, is one shard's, which says so.
  if (declarationOf(name).transactional !== true || args.idempotency_key !== undefined || mayWait(name, args))
    return false
  return shardOf(fence.lock, shards) !== shardOf(routingKey, shards)
}

export async function runFencedElsewhere<Result>(
  caller: Caller,
  name: CommandName,
  routingKey: string,
  args: JsonObject,
  read: (reply: JsonObject) => Result,
  options?: CallOptions,
): Promise<Result> {
  const ops = [{ cmd: name, state: routingKey, ...args }]
  try {
    return await caller.run('TRANSACTION', '', { ops }, (reply) => read(replyOfOnly(reply)), options)
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'TRANSACTION_FAILED') throw error
    throw errorOfReply(replyOfOnly({ code: error.code, ...error.details }))
  }
}
