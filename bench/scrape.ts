// What does it cost to be looked at? How long a scrape takes of a daemon with 100,000 states, and how many patches it runs while
// it is scraped every second, against none.
//
// Ours against itself. One daemon with one shard thread, which holds 100,000 keyspaces of one key and one table. Scrapes are
// timed from here over HTTP, one after another, while nothing else happens; then closed loops of patches take turns, one with
// a scrape at its beginning and one each second, one without.
import { compare, type Row, rowOf } from './report.ts'
import { closedContestant, Generator } from './support/generator.ts'
import { onStage, type Question } from './support/question.ts'
import { type Contestant, inTurns } from './support/rounds.ts'
import { type Server, startDaemon } from './support/servers.ts'

/** With the table as many as a shard may have. */
const states = 99_999
const scrapes = 20
const everyMs = 1_000
const inFlight = 64

export const scrape: Question = {
  name: 'scrape',
  question: 'a scrape of a daemon with 100,000 states, and what it costs the others',
  answer: (context) =>
    onStage(async (stage) => {
      const daemon = await stage.begin(startDaemon({ shards: 1, metrics: '127.0.0.1:0' }))
      const { endpoint } = daemon
      const load = await stage.begin(Generator.start('holdfast', { endpoint, records: states }))
      await load.once('fillStates')
      const patches = await stage.begin(Generator.start('holdfast', { endpoint, records: 1_000 }))
      await patches.once('fill')
      await timedScrapes(daemon, scrapes)
      const goal = { bound: 'at most', value: 50 } as const
      const values = await timedScrapes(daemon, scrapes)
      const rows: Row[] = [rowOf({ what: 'one scrape, 100 k states', unit: 'ms', goal }, { name: 'holdfast', values })]
      const alone = closedContestant('not scraped', [patches], daemon.process, 'patch', inFlight)
      const [own, other] = await inTurns([scraped(alone, daemon), alone], context)
      if (own === undefined) throw new Error('nobody took part')
      const what = `patches, ${inFlight} in flight, scraped every second`
      rows.push(compare({ what, unit: 'patches/s', goal: { bound: 'at least', value: 0.97 } }, own, other))
      return { rows }
    }),
}

/** The same, looked at meanwhile. */
function scraped(contestant: Contestant, daemon: Server): Contestant {
  return {
    name: 'holdfast',
    async run(seconds) {
      const looks = [timedScrapes(daemon, 1)]
      const timer = setInterval(() => looks.push(timedScrapes(daemon, 1)), everyMs)
      try {
        return await contestant.run(seconds)
      } finally {
        clearInterval(timer)
        await Promise.all(looks)
      }
    },
  }
}

async function timedScrapes({ process }: Server, count: number): Promise<number[]> {
  const address = /"metrics":"([^"]+)"/.exec(process.errors)?.[1]
  const tookMs: number[] = []
  for (let index = 0; index < count; index += 1) {
    const startedAt = performance.now()
    await (await fetch(`http://${address}/metrics`)).text()
    tookMs.push(performance.now() - startedAt)
  }
  return tookMs
}
