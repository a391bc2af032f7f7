// How fast can one Node process count, compare and set, and use a queue, each command a promise of its own?
//
// Ours: as in patch.ts. Peer: Redis without persistence, as there, by ioredis with `enableAutoPipelining: true`. Counters:
// INCR on one of so many at random. Compare-and-set: a Lua script that Redis has compiled (EVALSHA), of a GET, a comparison
// and a SET; ours compares the version. Queue: RPUSH and LPOP of one list, in turns; ours pushes last and pops first. There
// are more keys than promises in flight, so that no comparison fails. Each once in one keyspace, and once spread over 512 of
// them, as where every task has a state of its own; Redis has no such thing, and gets a list for each.
import { againstRedis } from './support/against-redis.ts'
import type { Question } from './support/question.ts'

function question(name: string, operation: string, what: string, fill = 'fillKeys'): Question {
  const threads = { 512: { bound: 'at least', value: 1.5 } } as const
  return {
    name,
    question: what,
    answer: (context) =>
      againstRedis({ operation, what: name, fill, records: 10_000, clients: ['ioredis'], goals: { threads } }, context),
  }
}

export const keyQuestions: readonly Question[] = [
  question('increment', 'increment', 'one of many counters is raised'),
  question('compare-and-set', 'compareAndSet', 'a value is written if it is the one expected'),
  question('queue', 'pushPop', 'items are pushed to a list, and popped at its other end'),
  question('increment-spread', 'incrementSpread', 'one counter in each of 512 keyspaces is raised', 'fillSpread'),
  question(
    'compare-and-set-spread',
    'compareAndSetSpread',
    'a value in one of 512 keyspaces is written if it is the one expected',
    'fillSpread',
  ),
  question(
    'queue-spread',
    'pushPopSpread',
    'items are pushed to a list in each of 512 keyspaces, and popped',
    'fillSpread',
  ),
]
