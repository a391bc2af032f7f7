// What of a reply a model can foretell: used wherever an engine's replies are held against a model's.
import type { JsonObject } from '../../src/protocol/value.ts'

/** Less the words of a refusal, and less what the model cannot know: where a state lives, and what a real clock says. */
export function comparable({ cmd }: JsonObject, reply: JsonObject): JsonObject {
  const { message: _, reason: _reason, ...refusal } = reply
  if (cmd === 'TRANSACTION' && refusal.cause !== undefined) {
    const { message: _words, reason: _why, ...cause } = refusal.cause as JsonObject
    return { ...refusal, cause }
  }
  if (cmd === 'GET_STATE_INFO') {
    const { shard: _shard, durability: _durability, ...info } = refusal
    return info
  }
  if (cmd === 'GET_HISTORY' && Array.isArray(refusal.history)) {
    return { ...refusal, history: refusal.history.map((each) => ({ ...(each as JsonObject), at: 0 })) }
  }
  if ((cmd === 'GET_KEY' || cmd === 'GET_INSTANCE') && typeof refusal.created_at === 'number')
    return { ...refusal, created_at: 0, updated_at: 0 }
  // Durations of these sessions are whole hours, and no session takes one.
  if (cmd === 'GET_TTL') return { ...refusal, ttl: Math.ceil(Number(refusal.ttl) / 3_600) * 3_600 }
  return refusal
}
