// What does it cost that a machine watches over a state?
//
// Ours against ourselves: one daemon with one shard thread, one Node process with 512 promises in flight, and all commands
// by `client.call`, so that nothing differs but the command. An event that moves an instance, and a patch of the field that
// follows a machine, each beside the same patch of a table without one. The machine is a circle of three states, every
// command a transition, and each instance keeps its history as by default.
import { compare } from './report.ts'
import { closedContestant, Generator } from './support/generator.ts'
import { onStage, type Question } from './support/question.ts'
import { inTurns } from './support/rounds.ts'
import { startDaemon } from './support/servers.ts'

const records = 1_000
const inFlight = 512

export const machine: Question = {
  name: 'machine',
  question: 'events of instances and patches of a bound field, beside plain patches',
  answer: (context) =>
    onStage(async (stage) => {
      const daemon = await stage.begin(startDaemon({ shards: 1 }))
      const generator = await stage.begin(Generator.start('holdfast', { endpoint: daemon.endpoint, records }))
      await generator.once('fillMachines')
      const contestants = ['sendEvent', 'patchBound', 'patchPlain'].map((operation) =>
        closedContestant(
          operation === 'patchPlain' ? 'plain patch' : operation,
          [generator],
          daemon.process,
          operation,
          inFlight,
        ),
      )
      const [events, bound, plain] = await inTurns(contestants, context)
      if (events === undefined || bound === undefined) return { rows: [] }
      return {
        rows: [
          compare({ what: `event of an instance, ${inFlight} in flight` }, events, plain),
          compare({ what: `patch of a bound field, ${inFlight} in flight` }, bound, plain),
        ],
      }
    }),
}
