// How fast can one Node process change one field of a record of three fields, each change a promise of its own?
//
// Ours: `holdfast serve --memory --shards 1`, and `connect()` with its defaults, over TCP on loopback; `--shards 0`, and
// the engine embedded, one at a time. Peer: `redis-server --save '' --appendonly no` over TCP on loopback, HSET of one
// field of a hash (a listpack), by ioredis with `enableAutoPipelining: true` and by node-redis, which pipelines by itself.
// No persistence and auto-pipelining are what makes each fastest; keys are made beforehand.
import { againstRedis } from './support/against-redis.ts'
import type { Question } from './support/question.ts'

export const patch: Question = {
  name: 'patch',
  question: 'one field of a three-field record is changed',
  answer: (context) =>
    againstRedis(
      {
        operation: 'patch',
        what: 'patch',
        goals: {
          threads: { 64: { bound: 'at least', value: 1.5 }, 512: { bound: 'at least', value: 3 } },
          inline: { bound: 'at least', value: 0.5 },
          embedded: { bound: 'at least', value: 10 },
        },
      },
      context,
    ),
}
