// The benchmarks' command line: runs the questions that its arguments name, or all, shows what they found and keeps it as
// JSON in bench/results. What a question is stands at the head of its file.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { serverVersion } from '../src/base/version.ts'
import { durable } from './durable.ts'
import { get } from './get.ts'
import { keyQuestions } from './keys.ts'
import { lock } from './locks.ts'
import { machine as machineQuestion } from './machine.ts'
import { memory } from './memory.ts'
import { patch } from './patch.ts'
import { plain } from './plain.ts'
import { circumstances, machine, markdown, type Report } from './report.ts'
import { scale } from './scale.ts'
import { scrape } from './scrape.ts'
import { shard } from './shard.ts'
import { shards } from './shards.ts'
import { slices } from './slices.ts'
import { start } from './start.ts'
import { type PeerChoice, redisVersion } from './support/peers.ts'
import type { Context, Question } from './support/question.ts'
import { transactions } from './transactions.ts'
import { watch } from './watch.ts'
import { watched } from './watched.ts'

const questions: readonly Question[] = [
  patch,
  get,
  plain,
  shard,
  shards,
  scale,
  memory,
  slices,
  durable,
  start,
  ...keyQuestions,
  lock,
  transactions,
  machineQuestion,
  watch,
  watched,
  scrape,
]
const peerChoices: readonly PeerChoice[] = ['all', 'redis', 'node-redis', 'none']
const resultsFolder = fileURLToPath(new URL('../../bench/results/', import.meta.url))

const help = `npm run bench -- [NAME...] [options]

  --peer redis|node-redis|none   compare with only this one (default: all that are installed)
  --rounds NUMBER                rounds in which everything that is compared has its turn (default: 5)
  --seconds NUMBER               how long each works in a round (default: 0.5)
  --json                         print JSON, and keep nothing

Names: ${questions.map(({ name }) => name).join(', ')}.`

/** What the user got wrong: shown without a stack. */
class Misuse extends Error {}

interface Wanted extends Context {
  readonly chosen: readonly Question[]
  readonly asJson: boolean
}

function readArguments(args: readonly string[]): Wanted | undefined {
  const { values, positionals } = parsed(args)
  if (values.help === true) return undefined
  const chosen = positionals.map((name) => {
    const found = questions.find((question) => question.name === name)
    if (found === undefined) throw new Misuse(`there is no benchmark '${name}'.`)
    return found
  })
  const peers = peerChoices.find((choice) => choice === values.peer)
  if (peers === undefined) throw new Misuse('--peer must be redis, node-redis or none.')
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Misuse('--rounds must be a number from 1.')
  const seconds = Number(values.seconds)
  if (!(seconds > 0)) throw new Misuse('--seconds must be a number above 0.')
  return { chosen: chosen.length > 0 ? chosen : questions, peers, rounds, seconds, asJson: values.json === true }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        peer: { type: 'string', default: 'all' },
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '0.5' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new Misuse(String(error))
  }
}

async function reportOn(asked: Question, context: Context): Promise<Report> {
  const { name, question } = asked
  const startedAt = new Date().toISOString()
  const { rows, notes = [] } = await asked.answer(context)
  const { rounds, seconds } = context
  return { name, question, startedAt, machine: machine(), versions: versions(), rounds, seconds, rows, notes }
}

type Pinned = Readonly<Record<string, string>>

/** Every package is pinned, so package.json has what is installed. */
function versions(): Record<string, string> {
  const file = fileURLToPath(new URL('../../package.json', import.meta.url))
  const { dependencies, devDependencies } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Pinned>
  const pinned: Pinned = { ...dependencies, ...devDependencies }
  const redis = redisVersion()
  return {
    holdfast: serverVersion,
    zeromq: pinned.zeromq ?? '',
    msgpackr: pinned.msgpackr ?? '',
    ...(redis !== undefined && { Redis: redis }),
    ioredis: pinned.ioredis ?? '',
    'node-redis': pinned.redis ?? '',
  }
}

async function run(args: readonly string[]): Promise<void> {
  const wanted = readArguments(args)
  if (wanted === undefined) return console.log(help)
  const { chosen, asJson, ...context } = wanted
  const reports: Report[] = []
  for (const question of chosen) {
    const report = await reportOn(question, context)
    reports.push(report)
    if (asJson) continue
    if (reports.length === 1) console.log(`${circumstances(report)}\n`)
    console.log(`${markdown(report)}\n`)
    mkdirSync(resultsFolder, { recursive: true })
    writeFileSync(join(resultsFolder, `${report.name}.json`), `${JSON.stringify(report, null, 2)}\n`)
  }
  if (asJson) console.log(JSON.stringify(reports, null, 2))
}

// The processes that were started end when this one exits.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  await run(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof Misuse)) throw error
  console.error(`${error.message}\n\n${help}`)
  process.exitCode = 2
}
