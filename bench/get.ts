// How fast can one Node process read whole records of three fields, each read a promise of its own?
//
// As patch.ts, which says how either side is started and why; Redis's command is HGETALL.
import { againstRedis } from './support/against-redis.ts'
import type { Question } from './support/question.ts'

export const get: Question = {
  name: 'get',
  question: 'a whole record of three fields is read',
  answer: (context) =>
    againstRedis(
      {
        operation: 'get',
        what: 'get',
        goals: {
          threads: { 64: { bound: 'at least', value: 2 }, 512: { bound: 'at least', value: 5 } },
          inline: { bound: 'at least', value: 0.5 },
          embedded: { bound: 'at least', value: 10 },
        },
      },
      context,
    ),
}
