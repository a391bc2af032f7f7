// What do watchers cost those who write?
//
// Ours against ourselves: three daemons with one shard thread each, in memory, and one writer for each in a process of its own,
// that sets one key with 512 promises in flight. Nobody watches the first; one watch follows the second, and a hundred, each
// with a connection of its own, the third, all in a further process. Events are checked to follow each other, as every watch
// does; no write waits for a watcher, and one that is behind reads on from what the server keeps.
import { compare } from './report.ts'
import { closedContestant, Generator } from './support/generator.ts'
import { onStage, type Question } from './support/question.ts'
import { type Contestant, inTurns } from './support/rounds.ts'
import { startDaemon } from './support/servers.ts'

const inFlight = 512

export const watched: Question = {
  name: 'watched',
  question: 'writes to a state that nobody, one or a hundred watch',
  answer: (context) =>
    onStage(async (stage) => {
      const contestants: Contestant[] = []
      for (const watchers of [0, 1, 100]) {
        const daemon = await stage.begin(startDaemon({ shards: 1 }))
        const { endpoint } = daemon
        const writer = await stage.begin(Generator.start('holdfast', { endpoint, records: 1 }))
        if (watchers > 0) {
          const watching = await stage.begin(Generator.start('holdfast', { endpoint, records: 1, watchers }))
          await watching.once('fillWatchers')
        }
        const name = watchers === 0 ? 'nobody watches' : `${watchers} watching`
        contestants.push(closedContestant(name, [writer], daemon.process, 'write', inFlight))
      }
      const [alone, ...sides] = await inTurns(contestants, context)
      return {
        rows: sides.map((side) =>
          compare({ what: `writes, ${inFlight} in flight, ${side.name}`, unit: 'writes/s' }, side, alone),
        ),
      }
    }),
}
