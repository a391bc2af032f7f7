// How fast can one Node process take locks and give them back, each command a promise of its own?
//
// Ours: as in patch.ts; TRY_LOCK and UNLOCK by owner and token, which also brings a fencing token. Peer: Redis without
// persistence, as there, by ioredis with `enableAutoPipelining: true`: SET NX PX with an owner, and a script that Redis has
// compiled, of a GET, a comparison and a DEL. One operation is both commands, one after the other. Each lock is a routing
// key of its own, as it is when many programs ask; there are more locks than promises in flight, so that nobody waits.
import { againstRedis } from './support/against-redis.ts'
import type { Question } from './support/question.ts'

export const lock: Question = {
  name: 'lock',
  question: 'a lock is taken, and given back',
  answer: (context) =>
    againstRedis(
      {
        operation: 'lockUnlock',
        what: 'lock and unlock',
        fill: 'fillLocks',
        records: 10_000,
        clients: ['ioredis'],
        goals: { threads: { 512: { bound: 'at least', value: 1.5 } } },
      },
      context,
    ),
}
