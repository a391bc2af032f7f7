// What does a shard alone cost: a batch of 512 encoded commands in, the encoded replies out, in one thread?
//
// Ours: the actor itself with the journal of memory mode, on a table of 1,000 records. Peer: msgpackr with record
// structures, as our codec uses it (self-contained, so that any message can be decoded alone), or JSON.parse and
// JSON.stringify, decoding the same bytes and encoding the same replies, and doing nothing else. Nothing that keeps to the
// format can do with less, so the ratio is what checking, deciding, applying and counting add. What is compared is the
// processor time of the whole process, garbage collection in other threads included.
import { compare, type Row } from './report.ts'
import { closedContestant, Generator } from './support/generator.ts'
import { onStage, type Question } from './support/question.ts'
import { inTurns, type Sample, type Side } from './support/rounds.ts'

const records = 1_000
const goal = { bound: 'at most', value: 2 } as const

export const shard: Question = {
  name: 'shard',
  question: 'a shard alone, batches of 512 encoded commands',
  answer: (context) =>
    onStage(async (stage) => {
      const rows: Row[] = []
      for (const codec of ['msgpack', 'json'] as const) {
        const ours = await stage.begin(Generator.start('shard', { endpoint: '', records, codec }))
        const peer = await stage.begin(Generator.start('codec', { endpoint: '', records, codec }))
        const name = codec === 'json' ? 'JSON.parse + stringify' : 'msgpackr unpack + pack'
        for (const operation of ['patch', 'get']) {
          const contestants = [
            closedContestant('shard', [ours], undefined, operation, 1),
            closedContestant(name, [peer], undefined, operation, 1),
          ]
          const [shardSide, codecSide] = (await inTurns(contestants, context)) as [Side, Side]
          const what = `${operation}, ${codec === 'json' ? 'JSON' : 'MessagePack'}`
          const comparison = { what, unit: 'µs of CPU', value: ({ clientMicros }: Sample) => clientMicros, goal }
          rows.push(compare(comparison, shardSide, codecSide))
        }
      }
      return { rows }
    }),
}
