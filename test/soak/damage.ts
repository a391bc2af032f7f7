// Data folders that are damaged behind the back of their shards: flipped bits, cut files, sectors of zeros, files of another
// time. Each is opened as a daemon would: what is served is the truth, or the shard refuses and leaves its files alone.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEngine } from '../../src/engine.ts'
import { JournalCorrupt } from '../../src/journal/journal.ts'
import { carryOut, planRepair } from '../../src/journal/repair.ts'
import { SqliteJournal } from '../../src/journal/sqlite.ts'
import { loadSqlite } from '../../src/journal/sqlite-library.ts'
import { readDatabase } from '../../src/journal/sqlite-read.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { Directory } from '../../src/state/directory.ts'
import { contentsOf } from '../support/contents.ts'
import { deletedNames, fill } from '../support/every-kind.ts'
import { randomFrom } from '../support/random.ts'
import { startedOn } from '../support/shard-harness.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

/** The files of a shard by their endings, at one moment. */
type Image = ReadonlyMap<string, Buffer>
type Random = (below: number) => number

interface Origin {
  /** The newest commits stand only in the file beside the database, or, after an orderly end, in it. */
  readonly images: readonly Image[]
  /** The same shard some commits earlier. */
  readonly older: Image
  readonly truth: JsonObject
}

const endings = ['.db', '.db-wal', '.anchor']
const pageBytes = 4_096
/** So many damages are done to what was made once. */
const roundsPerOrigin = 120
const roundsPerRepair = 3
const roundsPerEngine = 150

function journalOn(file: string): SqliteJournal {
  return new SqliteJournal({
    file,
    durability: 'strict',
    changesLoggedMax: 1_000,
    changeLogBytesMax: 1_000_000,
    reserveBytes: 0,
  })
}

function imageOf(file: string): Image {
  const found = new Map<string, Buffer>()
  const names = new Set(readdirSync(join(file, '..')))
  for (const ending of endings) {
    const name = file.replace(/\.db$/, ending)
    if (names.has(name.slice(name.lastIndexOf('/') + 1))) found.set(ending, readFileSync(name))
  }
  return found
}

function write(folder: string, image: Image): string {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const [ending, bytes] of image) writeFileSync(join(folder, `shard-0${ending}`), bytes)
  return join(folder, 'shard-0.db')
}

/** All that can be told of a shard's contents, the versions of deleted names included. */
function truthOf(directory: Directory): JsonObject {
  const deleted = deletedNames.map((name) => directory.firstVersionOf(name))
  return JSON.parse(JSON.stringify({ ...contentsOf(directory), deleted })) as JsonObject
}

async function makeOrigin(folder: string, random: Random): Promise<Origin> {
  const file = write(folder, new Map())
  const { harness, directory } = await startedOn(journalOn(file))
  const size = 4 + random(20)
  await fill(harness, size)
  const older = imageOf(file)
  for (let n = 0; n <= random(6); n += 1) {
    await harness.call({ cmd: 'PATCH_RECORD', state: 'leads', id: 1 + random(size), data: { n: 1_000 + n } })
    await harness.call({ cmd: 'SET_KEY', state: 'keys', key: `k/${1 + random(size)}`, value: n })
    await harness.call({ cmd: 'POP_LIST', state: 'keys', key: 'jobs' })
    await harness.call({ cmd: 'SEND_EVENT', state: 'sources', id: 1 + random(size), event: 'complete' })
  }
  const truth = truthOf(directory)
  const left = imageOf(file)
  await harness.shard.stop()
  return { images: [left, imageOf(file)], older, truth }
}

/** Damages some file of the image; says how. */
function damage(origin: Origin, random: Random): { readonly how: string; readonly image: Image } {
  const image = new Map(origin.images[random(2)])
  const present = [...image].filter(([, bytes]) => bytes.length > 0)
  const [ending, bytes] = present[random(present.length)] as [string, Buffer]
  const copy = Buffer.from(bytes)
  const kind = random(20)
  if (kind < 11) {
    // The first bytes of a file say how to read the others.
    const reach = random(6) === 0 ? Math.min(160, copy.length) : copy.length
    for (let flips = random(8) === 0 ? 1 + random(8) : 1; flips > 0; flips -= 1) {
      const place = random(reach)
      copy[place] = (copy[place] as number) ^ (1 << random(8))
    }
    return { how: 'flips', image: image.set(ending, copy) }
  }
  if (kind < 14) return { how: 'truncations', image: image.set(ending, copy.subarray(0, random(copy.length))) }
  if (kind < 17) {
    const size = random(2) === 0 ? 512 : pageBytes
    const place = random(Math.ceil(copy.length / size)) * size
    return { how: 'zeroed_sectors', image: image.set(ending, copy.fill(0, place, Math.min(place + size, copy.length))) }
  }
  for (const stale of random(2) === 0 ? [ending] : endings.slice(0, 2)) {
    const old = origin.older.get(stale)
    if (old === undefined) image.delete(stale)
    else image.set(stale, old)
  }
  return { how: 'stale_files', image }
}

/** What a daemon would serve, or why it would not. */
async function serve(file: string): Promise<JsonObject | readonly string[]> {
  const directory = new Directory(1_000)
  const journal = journalOn(file)
  try {
    await journal.recover(directory)
  } catch (error) {
    if (error instanceof JournalCorrupt) return error.problems
    throw error
  }
  await journal.close()
  return truthOf(directory)
}

async function check(file: string): Promise<readonly string[]> {
  try {
    await readDatabase(new Directory(1_000), { file, readsLog: true })
    return []
  } catch (error) {
    if (error instanceof JournalCorrupt) return error.problems
    throw error
  }
}

/** Whoever reads may leave an empty log behind, and what readers share. */
function fingerprints(folder: string): object {
  const files = readdirSync(folder).filter((name) => !name.endsWith('-shm'))
  const read = files.map((name): [string, Buffer] => [name, readFileSync(join(folder, name))])
  const filled = read.filter(([name, bytes]) => !name.endsWith('-wal') || bytes.length > 0)
  return Object.fromEntries(filled.map(([name, bytes]) => [name, createHash('sha256').update(bytes).digest('hex')]))
}

interface Part {
  readonly name: string
  readonly kind: string
  readonly records?: readonly { readonly id: unknown; readonly contents: unknown }[]
  readonly instances?: readonly { readonly id: unknown; readonly value: unknown; readonly revision: unknown }[]
  readonly keys?: readonly { readonly key: string; readonly value: unknown; readonly revision: unknown }[]
}

/** Every record, key and instance by its name, as text. */
function elementsOf(truth: JsonObject): Map<string, string> {
  const elements = new Map<string, string>()
  for (const { name, records = [], instances = [], keys = [] } of truth.states as unknown as Part[]) {
    for (const { id, contents } of records) elements.set(`${name}/${String(id)}`, JSON.stringify(contents))
    for (const { key, value, revision } of keys) elements.set(`${name}/${key}`, JSON.stringify([value, revision]))
    for (const { id, revision } of instances) elements.set(`${name}/${String(id)}`, JSON.stringify(revision))
  }
  return elements
}

/** Repairs, and holds what survives against the truth: nothing is invented, and what is missing was named. */
async function repair(file: string, truth: JsonObject): Promise<boolean> {
  const plan = planRepair(file)
  if ('reason' in plan || plan.extent === 'empty') return false
  await carryOut(plan)
  deepStrictEqual(await check(file), [], 'a repaired shard is whole')
  const served = await serve(file)
  ok(!Array.isArray(served), 'a repaired shard serves')
  const told = plan.lost.join('; ')
  const mayBeOld = /newest commits|number of the last commit|not the one that was written|are back/.test(told)
  const [before, after] = [elementsOf(truth), elementsOf(served as JsonObject)]
  for (const [name, text] of mayBeOld ? [] : after) strictEqual(text, before.get(name), `${name} is what it was`)
  if (mayBeOld || told.includes('cannot be read')) return true
  const missing = [...before.keys()].filter((name) => !after.has(name)).length
  const traceless = [...told.matchAll(/(\d+) rows of '\w+', without a trace/g)]
  const named = traceless.reduce((sum, [, count]) => sum + Number(count), plan.setAside.length)
  ok(missing <= named, `${missing} are missing, of which ${named} were named: ${told}`)
  return true
}

/** An engine of two shards, one of them damaged beyond doubt: that one refuses, and the other serves. */
async function tryEngine(data: string): Promise<void> {
  rmSync(data, { recursive: true, force: true })
  const names = Array.from({ length: 8 }, (_, index) => `state ${index}`)
  const engine = await openEngine({ shards: 2, data })
  for (const state of names) {
    await engine.call({ cmd: 'CREATE_STATE', state })
    await engine.call({ cmd: 'CREATE_RECORD', state, data: { state } })
  }
  await engine.close()
  const file = join(data, 'shard-1.db')
  const database = new (loadSqlite().DatabaseSync)(file)
  database.exec("UPDATE rows SET bytes = replace(bytes, 'state', 'stale') WHERE tbl = 'records'")
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
  const before = createHash('sha256').update(readFileSync(file)).digest('hex')
  const again = await openEngine({ shards: 2, data })
  const replies = await Promise.all(names.map((state) => again.call({ cmd: 'LIST_RECORDS', state })))
  const lost: unknown[] = []
  for (const [index, reply] of replies.entries()) {
    if (reply.status === 'ok') deepStrictEqual(reply.records, [{ id: 1, state: names[index] }])
    else lost.push(reply.code)
  }
  await again.close()
  ok(lost.length > 0 && lost.length < names.length && lost.every((code) => code === 'SHARD_CORRUPT'), String(lost))
  strictEqual(createHash('sha256').update(readFileSync(file)).digest('hex'), before, 'a damaged file is left as it is')
}

async function damageAgainAndAgain({ seed, folder, goesOn }: CampaignRun): Promise<Counts> {
  const random = randomFrom(seed)
  const counts = { flips: 0, truncations: 0, zeroed_sectors: 0, stale_files: 0, refused: 0, whole: 0 }
  const more = { repaired: 0, not_repairable: 0, engines: 0 }
  let origin = await makeOrigin(join(folder, 'origin'), random)
  let place = join(folder, 'damaged')
  for (let round = 1; goesOn(); round += 1) {
    if (round % roundsPerOrigin === 0) origin = await makeOrigin(join(folder, 'origin'), random)
    if (round % roundsPerEngine === roundsPerEngine / 2) {
      await tryEngine(join(folder, 'engine'))
      more.engines += 1
    }
    const { how, image } = damage(origin, random)
    counts[how as 'flips'] += 1
    // Never the same name twice: a connection that ends late would tidy up what stands under its name.
    rmSync(place, { recursive: true, force: true })
    place = join(folder, `damaged-${round}`)
    const file = write(place, image)
    const before = fingerprints(place)
    const said = await check(file)
    deepStrictEqual(fingerprints(place), before, 'a check changes nothing')
    const served = await serve(file)
    if (Array.isArray(served)) {
      ok(served.length > 0 && said.length > 0, 'a check finds what a daemon finds')
      deepStrictEqual(fingerprints(place), before, 'a damaged file is left as it is')
      counts.refused += 1
      if (counts.refused % roundsPerRepair !== 0) continue
      if (await repair(file, origin.truth)) more.repaired += 1
      else more.not_repairable += 1
    } else {
      deepStrictEqual(served, origin.truth, `round ${round}: what is served after ${how} is the truth`)
      // The change log is looked at by a check only: nobody is served from it when a shard starts.
      ok(
        said.every((problem) => problem.includes('change log')),
        said.join('; '),
      )
      counts.whole += 1
    }
  }
  return { ...counts, ...more }
}

export const damageCampaign: Campaign = {
  name: 'damage',
  tries: 'what is damaged, stale or missing on the disk is never served',
  run: damageAgainAndAgain,
}
