// Power cuts: an engine works under a recorder (power-shim.c), and the disk is made as it may be after a cut at many
// moments (disk-log.ts). An engine that opens it finds, in strict mode, every write that had been acknowledged; in relaxed
// mode all but the newest, none older than a second; in both nothing that was never sent, nothing damaged, no transaction by
// half, and no token that is granted again. The next recording begins on one of these disks, so that recovery is cut short
// as well.
import { deepStrictEqual, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { shardOf } from '../../src/base/placement.ts'
import { openEngine } from '../../src/engine.ts'
import { randomFrom } from '../support/random.ts'
import { compileShim } from '../support/shim.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'
import { Disk, type Entry, type Random, readLog, type Wish } from './disk-log.ts'
import { InlineEngine } from './inline-engine.ts'
import { callOn, climbers, type NumberedCall, stepsTaken, tokensAfter } from './power-grounds.ts'
import type { Load } from './power-load.ts'

/** How much one recording does, and how many disks are made of it. */
export interface Effort {
  readonly lives: number
  readonly lifeMs: number
  /**
   * Between two steps of a climber. In relaxed mode a busy engine forces much to the disk anyway, whenever SQLite empties its
   * log, so that only an idle one shows whether anything else does.
   */
  readonly restMs: number
  readonly cuts: number
  /** Those of every recording; else some begin with two shards in threads, and some with one in none. */
  readonly shards?: number
}

const full = {
  strict: { lives: 3, lifeMs: 2_500, restMs: 5, cuts: 300 },
  relaxed: { lives: 3, lifeMs: 2_500, restMs: 40, cuts: 300 },
} as const
/** In relaxed mode a power cut takes at most what was acknowledged so lately. */
const lostMsMax = 1_000
/** One in so many disks of two shards is opened with threads. */
const lookWithThreads = 64
/** If nothing at all was written for longer, the process did not run. */
const idleMsMax = 50
const marksName = 'marks'
/** Two folders in one another, both of them new, so that their names need barriers as well. */
const dataName = join('data', 'kept')

/** What the marks up to a moment say. */
interface Known {
  areCreated: boolean
  readonly sent: number[]
  readonly acknowledged: number[]
  /** Acknowledged longer ago than a power cut may take in relaxed mode. */
  readonly old: number[]
  /** The newest token that was granted to each, as far as anybody had heard. */
  readonly granted: number[]
}

/** A mark, with its place in the log and the time for which the process had run by then. */
interface Mark {
  readonly kind: string
  readonly climber: number
  /** Or the token that was granted. */
  readonly step: number
  readonly place: number
  readonly ranMs: number
}

/** The disk on which a recording begins, and what is on it. */
interface Begun {
  readonly folder: string
  readonly steps: readonly number[]
  readonly granted: readonly number[]
  readonly shards: number
}

class Recording {
  readonly entries: readonly Entry[]
  readonly marks: readonly Mark[]
  readonly #ranMs: readonly number[]
  /** What each climber had done before, and the newest token it had heard of. */
  readonly #before: readonly number[]
  readonly #grantedBefore: readonly number[]
  readonly #wereCreated: boolean
  readonly #places: ReadonlyMap<string, number>

  constructor(entries: readonly Entry[], before: Pick<Begun, 'steps' | 'granted'> | undefined) {
    this.entries = entries
    const none = climbers.map(() => 0)
    this.#before = before?.steps ?? none
    this.#grantedBefore = before?.granted ?? none
    this.#wereCreated = before !== undefined
    let ranMs = 0
    this.#ranMs = entries.map(({ atMs }, place) => {
      ranMs += Math.min(idleMsMax, atMs - (entries[place - 1]?.atMs ?? atMs))
      return ranMs
    })
    this.marks = entries.flatMap((entry, place) => this.#marksOf(entry, place))
    this.#places = new Map(this.marks.map(({ kind, climber, step, place }) => [`${kind} ${climber} ${step}`, place]))
  }

  /** Before the entry at this place. */
  knownAt(place: number): Known {
    const before = this.#before
    const known = {
      areCreated: this.#wereCreated,
      sent: [...before],
      acknowledged: [...before],
      old: [...before],
      granted: [...this.#grantedBefore],
    }
    const oldMs = (this.#ranMs[place - 1] ?? 0) - lostMsMax
    for (const mark of this.marks) {
      if (mark.place >= place) break
      if (mark.kind === 'created') known.areCreated = true
      if (mark.kind === 'sent') known.sent[mark.climber] = mark.step
      if (mark.kind === 'granted') known.granted[mark.climber] = mark.step
      if (mark.kind !== 'acknowledged') continue
      known.acknowledged[mark.climber] = mark.step
      if (mark.ranMs <= oldMs) known.old[mark.climber] = mark.step
    }
    return known
  }

  /** Where a step was sent or acknowledged; -1 if that was before the recording, undefined if it never was. */
  placeOf(kind: string, climber: number, step: number): number | undefined {
    if (step <= (this.#before[climber] ?? 0)) return -1
    return this.#places.get(`${kind} ${climber} ${step}`)
  }

  #marksOf({ operation, path, data }: Entry, place: number): Mark[] {
    if (operation !== 'write' || path !== marksName) return []
    const [kind = '', climber, step] = data.toString().trimEnd().split(' ')
    return [{ kind, climber: Number(climber), step: Number(step), place, ranMs: this.#ranMs[place] ?? 0 }]
  }
}

/** Runs the load under the recorder, in a folder that may hold something already. */
async function record(
  library: string,
  root: string,
  load: Omit<Load, 'data' | 'marks'>,
): Promise<{ readonly entries: Entry[] }> {
  const log = `${root}.log`
  const program = join(process.cwd(), 'dist', 'test', 'soak', 'power-load.js')
  const wanted: Load = { ...load, data: join(root, dataName), marks: join(root, marksName) }
  const child = spawn(process.execPath, [program, JSON.stringify(wanted)], {
    env: { ...process.env, LD_PRELOAD: library, POWER_FOLDER: `${root}/`, POWER_LOG: log },
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (status !== 0) throw new Error(`the load has failed: ${errors}`)
  const entries = named(readLog(log))
  rmSync(log)
  return { entries }
}

/** Writes name only their inode, and the marks are told apart by their path. */
function named(entries: readonly Entry[]): Entry[] {
  const paths = new Map<bigint, string>()
  return entries.map((entry) => {
    if (entry.operation === 'open') paths.set(entry.inode, entry.path)
    const path = entry.path === '' ? (paths.get(entry.inode) ?? '') : entry.path
    return { ...entry, path }
  })
}

/** Moments at random, just after replies, and just before barriers, in the order of time. */
function chooseCuts({ entries, marks }: Recording, count: number, random: Random): number[] {
  const replies = marks.filter(({ kind }) => kind === 'acknowledged').map(({ place }) => place + 1)
  const barriers = entries.flatMap(({ operation }, place) => (operation === 'sync' ? [place] : []))
  const anywhere = entries.map((_, place) => place + 1)
  const choices = [anywhere, replies, barriers]
  return Array.from({ length: count }, () => {
    const places = choices[random(choices.length)] as number[]
    return places[random(places.length)] ?? 0
  }).sort((a, b) => a - b)
}

/** Threads are started now and then: most that can go wrong here goes wrong without them, and much sooner. */
function openIn(folder: string, durability: 'strict' | 'relaxed', shards: number, hasThreads: boolean) {
  const data = join(folder, dataName)
  return shards === 0 || hasThreads
    ? openEngine({ data, durability, shards })
    : InlineEngine.open({ data, durability, shards })
}

/**
 * What an engine finds in a folder: steps by climber, the shard of each, and its tokens; undefined if the states are not
 * there.
 */
async function lookInto(folder: string, durability: 'strict' | 'relaxed', shards: number, hasThreads: boolean) {
  const engine = await openIn(folder, durability, shards, hasThreads)
  const ask = callOn(engine.router)
  try {
    let isMissing = false
    const call: NumberedCall = async (command, numbered) => {
      const reply = await ask(command, numbered)
      if (reply.status === 'ok') return reply
      isMissing ||= reply.code === 'STATE_NOT_FOUND' || reply.code === 'INSTANCE_NOT_FOUND'
      throw new Error(JSON.stringify(reply))
    }
    const steps = await stepsTaken(call).catch((error: unknown) => {
      if (isMissing) return undefined
      throw error
    })
    if (steps === undefined) return undefined
    const shardsOf = climbers.map(({ state }) => shardOf(state, Math.max(1, shards)))
    return { steps, shards: shardsOf, tokens: await tokensAfter(call) }
  } finally {
    await engine.close()
  }
}

type Found = Awaited<ReturnType<typeof lookInto>>

/** Holds what is there against what was said before the cut. Answers with how many acknowledged writes are lost. */
function judge(recording: Recording, place: number, found: Found, durability: 'strict' | 'relaxed'): number {
  const known = recording.knownAt(place)
  if (found === undefined) {
    const isEarly = !known.areCreated || (durability === 'relaxed' && known.old.every((step) => step === 0))
    ok(isEarly, 'the states are lost, with all that they held')
    return 0
  }
  const kept = durability === 'strict' ? known.acknowledged : known.old
  for (const [climber, tokens] of found.tokens.entries()) {
    const granted = known.granted[climber] ?? 0
    ok(tokens === undefined || tokens.next > granted, `token ${tokens?.next} is granted again, after ${granted}`)
    const isKept = tokens === undefined || durability === 'relaxed' || tokens.newest >= granted
    ok(isKept, `token ${granted} was granted, and ${tokens?.newest} is the newest`)
  }
  let lost = 0
  for (const [climber, step] of found.steps.entries()) {
    const { state } = climbers[climber] as { state: string }
    const what = `step ${step} of climber ${climber} in ${state}`
    ok(step >= (kept[climber] ?? 0), `${what} is the last, though ${kept[climber]} was acknowledged`)
    ok(step <= (known.sent[climber] ?? 0), `${what} was never sent`)
    lost += Math.max(0, (known.acknowledged[climber] ?? 0) - step)
  }
  if (durability === 'relaxed') expectSuffix(recording, place, found)
  return lost
}

/** What was acknowledged and is lost must not be older than what is there, in the same shard. */
function expectSuffix(recording: Recording, place: number, { steps, shards }: NonNullable<Found>): void {
  for (const shard of new Set(shards)) {
    const here = [...steps.entries()].filter(([climber]) => shards[climber] === shard)
    const lostAt = here.map(([climber, step]) => recording.placeOf('acknowledged', climber, step + 1) ?? place)
    const firstLost = Math.min(...lostAt, place)
    for (const [climber, step] of here) {
      const sentAt = recording.placeOf('sent', climber, step) ?? -1
      ok(sentAt <= firstLost, `step ${step} of climber ${climber} is there, and an older write is lost`)
    }
  }
}

/** But for the index of a write-ahead log: it lives in shared memory, is made anew by whoever opens it, and may be left. */
function filesBelow(folder: string): Record<string, Buffer> {
  return Object.fromEntries(
    readdirSync(folder)
      .filter((name) => !name.endsWith('-shm'))
      .sort()
      .map((name) => [name, readFileSync(join(folder, name))]),
  )
}

async function cutAgainAndAgain(
  durability: 'strict' | 'relaxed',
  { seed, folder, goesOn }: CampaignRun,
  { cuts, ...effort }: Effort,
): Promise<Counts> {
  const random = randomFrom(seed)
  const library = compileShim('test/soak/power-shim.c', folder)
  const counts = { recordings: 0, cuts: 0, barriers: 0, acknowledged: 0, 'acknowledged and lost': 0 }
  // In memory, where there is room: what is asked here is what the engine asks of a disk, and no disk.
  const place = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : folder, 'holdfast-power-'))
  let begun: Begun | undefined
  try {
    for (let round = 0; goesOn(); round += 1) {
      // Every third begins with nothing, and every other of these with one shard.
      if (round % 3 === 0) begun = undefined
      const shards: number = begun?.shards ?? effort.shards ?? (round % 6 === 0 ? 2 : 0)
      const root = join(place, 'recorded')
      rmSync(root, { recursive: true, force: true })
      if (begun === undefined) mkdirSync(root)
      else cpSync(begun.folder, root, { recursive: true })
      const disk = new Disk(root)
      const { entries } = await record(library, root, { ...effort, durability, shards, climbers: 16 })
      const recording = new Recording(entries, begun)
      counts.recordings += 1
      counts.barriers += entries.filter(({ operation }) => operation === 'sync').length
      counts.acknowledged += recording.marks.filter(({ kind }) => kind === 'acknowledged').length
      begun = undefined
      let done = 0
      const goOnTo = (cut: number): void => {
        for (; done < cut; done += 1) {
          const entry = entries[done] as Entry
          if (entry.path !== marksName) disk.do(entry)
        }
      }
      for (const cut of chooseCuts(recording, cuts, random)) {
        goOnTo(cut)
        const image = join(place, `image-${counts.cuts}`)
        const wish: Wish = (['nothing', 'anything', 'anything', 'everything'] as const)[random(4)] as Wish
        disk.image(image, random, wish)
        const kept: string | undefined = begun === undefined || random(8) === 0 ? `${image}-kept` : undefined
        if (kept !== undefined) cpSync(image, kept, { recursive: true })
        let found: Found
        try {
          found = await lookInto(image, durability, shards, random(lookWithThreads) === 0)
          counts['acknowledged and lost'] += judge(recording, cut, found, durability)
        } catch (error) {
          const left = mkdtempSync(join(tmpdir(), 'holdfast-power-cut-'))
          cpSync(image, left, { recursive: true })
          const where = `cut ${counts.cuts}, after entry ${cut} of ${entries.length}, with ${wish} left`
          throw new Error(`${where}; the disk is kept in ${left}`, { cause: error })
        }
        counts.cuts += 1
        rmSync(image, { recursive: true })
        if (kept === undefined) continue
        if (found === undefined) rmSync(kept, { recursive: true })
        else {
          if (begun !== undefined) rmSync(begun.folder, { recursive: true })
          begun = { folder: kept, steps: found.steps, granted: recording.knownAt(cut).granted, shards }
        }
      }
      goOnTo(entries.length)
      const whole = join(place, 'whole')
      disk.image(whole, random, 'everything')
      deepStrictEqual(filesBelow(join(whole, dataName)), filesBelow(join(root, dataName)), 'every write was recorded')
      rmSync(whole, { recursive: true })
    }
    return counts
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

export function powerCutCampaign(durability: 'strict' | 'relaxed', effort: Effort = full[durability]): Campaign {
  const lost = durability === 'strict' ? 'loses nothing' : 'loses at most the last second, and only the newest'
  return {
    name: `power-cuts-${durability}`,
    tries: `a power cut in ${durability} mode ${lost} of what was acknowledged`,
    run: (run) => cutAgainAndAgain(durability, run, effort),
  }
}
