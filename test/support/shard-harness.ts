// One shard in this thread, without router: a test posts requests, says when turns happen, and reads the replies.
import { defaultLimits, type Limits } from '../../src/base/limits.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { type MailboxEntry, type Numbered, progressSlotCount, type RequestBody } from '../../src/protocol/mailbox.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { HookSet } from '../../src/shard/hook-set.ts'
import { Shard } from '../../src/shard/shard.ts'
import type { ProbePoint, ShardOptions } from '../../src/shard/shard-options.ts'
import type { Directory } from '../../src/state/directory.ts'
import { KeepingJournal } from './keeping-journal.ts'

export interface HarnessOptions {
  readonly journal?: Journal
  readonly limits?: Partial<Limits>
  /** Of how many shards this is the first. */
  readonly shards?: number
  readonly hooks?: HookSet
  readonly log?: Log
  readonly slowLogMs?: number
  readonly publish?: ShardOptions['publish']
  readonly probe?: (point: ProbePoint) => void
}

export class ShardHarness {
  readonly shard: Shard
  readonly failures: unknown[] = []
  readonly progress = new Int32Array(new SharedArrayBuffer(progressSlotCount * 4))
  /** Ids of answered requests, in the order in which the answers came. */
  readonly order: number[] = []
  /** Early replies, which have to be JSON text. */
  readonly early: { readonly id: number; readonly places: readonly number[]; readonly replies: unknown }[] = []
  /** What the shard reads as the time; a test moves it by `advance`. */
  readonly #now = { wall: 1_000, mono: 1_000 }
  #wakes: { readonly at: number; readonly wake: () => void }[] = []
  readonly #replies = new Map<number, unknown>()
  #turns: (() => void)[] = []
  #lastId = 0
  #batch = 0

  constructor({
    journal = new KeepingJournal(),
    limits,
    shards = 1,
    hooks,
    log = silentLog,
    slowLogMs,
    publish,
    probe,
  }: HarnessOptions = {}) {
    this.shard = new Shard({
      id: 0,
      shards,
      limits: { ...defaultLimits, ...limits },
      journal,
      clocks: () => ({ ...this.#now }),
      takeMs: Number.POSITIVE_INFINITY,
      wakeAfter: (ms, wake) => {
        const entry = { at: this.#now.mono + ms, wake }
        this.#wakes.push(entry)
        return () => {
          this.#wakes = this.#wakes.filter((other) => other !== entry)
        }
      },
      send: (replies) => {
        for (const [id, body, note] of replies) {
          if (Array.isArray(note)) {
            this.early.push({ id, places: note as number[], replies: JSON.parse(body as string) })
            continue
          }
          this.order.push(id)
          this.#replies.set(id, body)
        }
      },
      schedule: (turn) => this.#turns.push(turn),
      onFailure: (error) => this.failures.push(error),
      progress: this.progress,
      log,
      slowLogMs,
      ...(hooks && { hooks }),
      ...(publish && { publish }),
      ...(probe && { probe }),
    })
  }

  static async started(options: HarnessOptions = {}): Promise<ShardHarness> {
    const harness = new ShardHarness(options)
    await harness.shard.recover()
    return harness
  }

  /** Puts requests into the mailbox as one batch, and returns their ids. Values go in and come out unencoded. */
  post(...requests: readonly (JsonObject | JsonObject[])[]): number[] {
    return this.postEntries(
      requests.map((body) => {
        const first = Array.isArray(body) ? body[0] : body
        const key = first?.state ?? first?.lock
        return typeof key === 'string' ? ['values', key, body] : ['marker', '', body]
      }),
    )
  }

  postEntries(
    entries: readonly [codec: MailboxEntry[1], key: string, body: RequestBody, numbered?: Numbered][],
  ): number[] {
    this.#batch += 1
    const numbered = entries.map((entry): MailboxEntry => {
      this.#lastId += 1
      return [this.#lastId, ...entry]
    })
    this.shard.receive({ number: this.#batch, entries: numbered })
    return numbered.map(([id]) => id)
  }

  /** The reply to a request, undefined while there is none. */
  reply(id: number): unknown {
    return this.#replies.get(id)
  }

  /** Lets promises settle, then runs the next turn if one is due; false if none is. */
  async turn(): Promise<boolean> {
    await settled()
    const next = this.#turns.shift()
    next?.()
    await settled()
    return next !== undefined
  }

  /** Runs turns until none is due. */
  async idle(): Promise<void> {
    while (await this.turn());
  }

  /** Lets time pass, by both clocks; timers that are due by then fire. */
  advance(ms: number): void {
    this.#now.wall += ms
    this.#now.mono += ms
    const due = this.#wakes.filter(({ at }) => at <= this.#now.mono)
    this.#wakes = this.#wakes.filter(({ at }) => at > this.#now.mono)
    for (const { wake } of due) wake()
  }

  /** Sets the wall clock forth or back, as an administrator may. */
  setWallBy(ms: number): void {
    this.#now.wall += ms
  }

  /** How many timers are running. */
  get timers(): number {
    return this.#wakes.length
  }

  /** Posts one request and answers with its reply. */
  async call(body: JsonObject | JsonObject[]): Promise<unknown> {
    const [id] = this.post(body)
    await this.idle()
    return this.reply(id as number)
  }
}

/** A shard on a journal, some time after the beginning of its clocks, and the directory that it keeps. */
export async function startedOn(
  journal: Journal,
  passedMs = 0,
): Promise<{ readonly harness: ShardHarness; readonly directory: Directory }> {
  let kept: Directory | undefined
  const recover = journal.recover.bind(journal)
  journal.recover = (directory, onKept) => {
    kept = directory
    return recover(directory, onKept)
  }
  const harness = new ShardHarness({ journal })
  harness.advance(passedMs)
  await harness.shard.recover()
  return { harness, directory: kept as Directory }
}

/** Resolves when the promises that can settle now have settled. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
