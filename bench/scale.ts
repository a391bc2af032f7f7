// Does a command cost more where there is more?
//
// Ours against ourselves. A table of a million records against one of 1,000, ids at random over all of it: through a
// daemon with 512 promises in flight, and in a shard alone, where nothing hides a slow look-up. Most of what that costs is
// memory that no cache of the processor holds; so the shard is also asked for only 1,000 of the million, which leaves what
// the data structures and the garbage collector cost. And 10,000 states against one, in plain messages of one command
// each, since our client would make smaller batches for more states. Keys are set against each other in the same way, and a
// million keys that end in an hour against as many that never do. The cost is the processor time of the whole daemon,
// or of the process that the lone shard is in.
import { compare, type Row } from './report.ts'
import { closedContestant, type DriverName, Generator } from './support/generator.ts'
import { type Context, onStage, type Question, type Stage } from './support/question.ts'
import { inTurns, type Sample, type Side } from './support/rounds.ts'
import { startDaemon } from './support/servers.ts'
import { tableName } from './support/workload.ts'

/** One of the two sizes that are compared. */
interface Size {
  readonly name: string
  readonly records: number
  readonly recordsUsed?: number
  readonly tables?: readonly string[]
  readonly ttlMs?: number
}

interface Setting {
  readonly where: string
  readonly driver: DriverName
  readonly inFlight: number
  readonly needsDaemon: boolean
  /** Default: `fill`. */
  readonly fill?: string
  /** Default: `patch` and `get`. */
  readonly operations?: readonly string[]
  readonly many: Size
  readonly few: Size
}

const goal = { bound: 'at most', value: 1.3 } as const

const million: Size = { name: '1 M records', records: 1_000_000, tables: [tableName] }
const fewOfMillion: Size = { ...million, name: '1 k of 1 M records', recordsUsed: 1_000 }
const thousand: Size = { name: '1 k records', records: 1_000, tables: [tableName] }
const millionKeys: Size = { name: '1 M keys', records: 1_000_000 }
const thousandOfMillionKeys: Size = { ...millionKeys, name: '1 k of 1 M keys', recordsUsed: 1_000 }
const thousandKeys: Size = { name: '1 k keys', records: 1_000 }
const hourMs = 3_600_000
const millionTtls: Size = { ...thousandOfMillionKeys, name: '1 M pending TTLs', ttlMs: hourMs }
const oneState: Size = { name: '1 state', records: 1, tables: ['leads-1'] }
const manyStates: Size = {
  name: '10 k states',
  records: 1,
  tables: Array.from({ length: 10_000 }, (_, index) => `leads-${index + 1}`),
}

const overKeys = {
  where: 'a daemon',
  driver: 'holdfast',
  inFlight: 512,
  needsDaemon: true,
  fill: 'fillKeys',
} as const
const setAndGet = ['setKey', 'getKey']

const settings: readonly Setting[] = [
  { where: 'a daemon', driver: 'holdfast', inFlight: 512, needsDaemon: true, many: million, few: thousand },
  { where: 'a shard alone', driver: 'shard', inFlight: 1, needsDaemon: false, many: million, few: thousand },
  { where: 'a shard alone', driver: 'shard', inFlight: 1, needsDaemon: false, many: fewOfMillion, few: thousand },
  { ...overKeys, operations: setAndGet, many: millionKeys, few: thousandKeys },
  { ...overKeys, operations: setAndGet, many: thousandOfMillionKeys, few: thousandKeys },
  { ...overKeys, operations: ['getKey', 'increment'], many: millionTtls, few: thousandOfMillionKeys },
  { where: 'a daemon, plain', driver: 'plain', inFlight: 64, needsDaemon: true, many: manyStates, few: oneState },
]

export const scale: Question = {
  name: 'scale',
  question: 'the cost of a command where there is much, against where there is little',
  async answer(context) {
    const rows: Row[] = []
    for (const setting of settings) rows.push(...(await onStage((stage) => rowsOf(setting, stage, context))))
    return { rows }
  },
}

async function rowsOf(setting: Setting, stage: Stage, context: Context): Promise<Row[]> {
  const { where, many, few, operations = ['patch', 'get'] } = setting
  const parties = [await party(setting, many, stage), await party(setting, few, stage)]
  const rows: Row[] = []
  for (const operation of operations) {
    const contestants = parties.map((contestant) => contestant(operation))
    const [manySide, fewSide] = (await inTurns(contestants, context)) as [Side, Side]
    const what = `${operation}, ${many.name}, ${where}`
    rows.push(compare({ what, unit: 'µs of CPU', value: costOf, goal }, manySide, fewSide))
  }
  return rows
}

/** Of the daemon, or of the process with the shard alone. */
function costOf({ clientMicros, serverMicros }: Sample): number | undefined {
  return serverMicros ?? clientMicros
}

async function party({ driver, inFlight, needsDaemon, fill = 'fill' }: Setting, size: Size, stage: Stage) {
  const { name, ...data } = size
  const daemon = needsDaemon ? await stage.begin(startDaemon({ shards: 1 })) : undefined
  const generator = await stage.begin(Generator.start(driver, { endpoint: daemon?.endpoint ?? '', ...data }))
  // A shard alone is filled from the start.
  if (daemon !== undefined) await generator.once(fill)
  return (operation: string) => closedContestant(name, [generator], daemon?.process, operation, inFlight)
}
