// Many keys: named, or cleared. Owns nothing: reads the keyspace, answers with changes.
// Invariant: a list shows no key whose time is over, and is of one moment, however many steps it takes.

import { type Glob, readGlob } from '../base/glob.ts'
import type { Change } from '../state/change.ts'
import { Keys, type Keyspace } from '../state/keyspace.ts'
import {
  type Context,
  type Deciders,
  done,
  inSteps,
  recordsAtOnceMax,
  recordsPerStep,
  refuse,
  type Steps,
} from './decide.ts'
import { isDue } from './key-rules.ts'

interface Matching {
  readonly after: string | undefined
  readonly prefix: string
  readonly glob: Glob | undefined
}

export const keyNameCommands: Deciders<'LIST_KEYS' | 'CLEAR_KEYS'> = {
  LIST_KEYS(keyspace, { pattern, prefix, limit = Number.POSITIVE_INFINITY, after }, context) {
    if (pattern !== undefined && prefix !== undefined) {
      return refuse('INVALID_REQUEST', { reason: "LIST_KEYS takes 'pattern' or 'prefix', not both" })
    }
    const glob = pattern === undefined ? undefined : readGlob(pattern)
    if (glob !== undefined && 'reason' in glob) return refuse('INVALID_REQUEST', { reason: glob.reason })
    const matching = { after, prefix: glob?.prefix ?? prefix ?? '', glob }
    // How many keys a pattern makes one look at is not known beforehand.
    const count = glob === undefined ? Math.min(limit, keyspace.length) : keyspace.length
    return inSteps(list(keyspace, matching, limit, context), count)
  },

  CLEAR_KEYS(keyspace, { pattern }, context) {
    if (pattern === undefined) return clearAll(keyspace, context)
    const glob = readGlob(pattern)
    if ('reason' in glob) return refuse('INVALID_REQUEST', { reason: glob.reason })
    const matching = { after: undefined, prefix: glob.prefix, glob }
    if (keyspace.length > recordsAtOnceMax)
      return { outcome: 'steps', steps: clearInSteps(keyspace, matching, context) }
    const clearing = new Clearing(keyspace, context)
    for (const key of matchingKeys(keyspace, matching)) if (key !== undefined) clearing.take(key)
    return done({ cleared: clearing.cleared }, clearing.changes)
  },
}

/** The keys that match; undefined after every so much work that bore no fruit. */
function* matchingKeys(
  { keys }: Keyspace,
  { after, prefix, glob }: Matching,
): Generator<string | undefined, void, void> {
  let looked = 0
  let stepsBefore = 0
  for (const key of keys.names.from(after, prefix)) {
    if (glob === undefined || glob.matches(key)) yield key
    looked += 1
    const steps = glob?.steps ?? 0
    if (looked < recordsPerStep && steps - stepsBefore < matchingPerStep) continue
    looked = 0
    stepsBefore = steps
    yield undefined
  }
}

/** How much work patterns may make in one step: some hundred microseconds. */
const matchingPerStep = 20_000

/** Gathers references only, so that the reply can be encoded at leisure. */
function* list(keyspace: Keyspace, matching: Matching, limit: number, context: Context): Steps['steps'] {
  const keys: string[] = []
  const { expiries, cells } = keyspace.keys
  const firstEnd = expiries.first()?.at ?? Number.POSITIVE_INFINITY
  const hasDue = firstEnd <= context.now.wall
  for (const key of matchingKeys(keyspace, matching)) {
    if (key === undefined) {
      yield
      continue
    }
    const contents = hasDue ? cells.get(key)?.contents : undefined
    if (contents !== undefined && isDue(contents, context)) continue
    if (keys.length === limit) return done({ keys, next: keys.at(-1) as string })
    keys.push(key)
  }
  return done({ keys })
}

/** All keys at once: one change, which carries none of them. What is due by then is not counted. */
function clearAll(keyspace: Keyspace, context: Context) {
  const { keys: before, length } = keyspace
  if (length === 0) return done({ cleared: 0 })
  const change: Change = {
    subject: 'keys',
    type: 'cleared',
    state: keyspace.name,
    version: keyspace.version + 1,
    at: context.now.wall,
    before,
    after: new Keys(),
  }
  return done({ cleared: length }, [change])
}

/** Clears in slices, each with a commit of its own: a crash in between leaves some of the keys cleared. */
function* clearInSteps(keyspace: Keyspace, matching: Matching, context: Context): Steps['steps'] {
  let clearing = new Clearing(keyspace, context)
  let cleared = 0
  for (const key of matchingKeys(keyspace, matching)) {
    if (key !== undefined) clearing.take(key)
    if (key !== undefined && clearing.changes.length < recordsPerStep) continue
    cleared += clearing.cleared
    // Before more is decided these have been applied.
    yield clearing.changes
    clearing = new Clearing(keyspace, context)
  }
  return done({ cleared: cleared + clearing.cleared }, clearing.changes)
}

/** Gathers the changes that remove keys, a change each. */
class Clearing {
  readonly changes: Change[] = []
  cleared = 0
  readonly #keyspace: Keyspace
  readonly #context: Context

  constructor(keyspace: Keyspace, context: Context) {
    this.#keyspace = keyspace
    this.#context = context
  }

  take(key: string): void {
    const { name, version } = this.#keyspace
    const before = this.#keyspace.get(key)?.contents
    if (before === undefined) return
    const isExpired = isDue(before, this.#context)
    if (!isExpired) this.cleared += 1
    this.changes.push({
      subject: 'key',
      type: isExpired ? 'expired' : 'deleted',
      state: name,
      version: version + this.changes.length + 1,
      at: this.#context.now.wall,
      key,
      before,
      after: undefined,
      written: undefined,
    })
  }
}
