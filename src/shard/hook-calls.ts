// Calls code that is not ours: each call is timed and counted, and whatever it throws stays here. One for each life of a
// shard. A call that hands back a promise is not waited for; so many may be unfinished, and no more.
// Invariant: nothing that a hook throws, or rejects with, leaves this file but as words.
import { durationBounds, Histogram, type HistogramSnapshot } from '../base/histogram.ts'
import type { Log, LogEvent } from '../base/log.ts'
import { type OutcomeCount, OutcomeCounts } from '../base/outcome-counts.ts'
import { printable } from '../protocol/envelope.ts'
import type { HookName } from '../protocol/hooks.ts'

/** A hook that keeps its shard for longer is counted and logged as slow: so long as some ten thousand commands take. */
const slowMs = 50
/** How many promises of hooks may be unfinished: what a hook keeps waiting costs a fixed amount. */
const unfinishedMax = 1_000
/** How long a shard that stops waits for them. */
const finishMsMax = 5_000
/** Each hook logs at most one line in so long, with the number of those that it kept back. */
const logIntervalMs = 1_000

interface Logged {
  at: number
  keptBack: number
}

export class HookCalls {
  readonly #log: Log
  readonly #onCall: () => void
  readonly #seconds = new Histogram(durationBounds)
  readonly #counts = new OutcomeCounts()
  readonly #unfinished = new Map<HookName, Set<Promise<void>>>()
  readonly #logged = new Map<string, Logged>()

  /** `onCall` is called with each call, so that a shard with many slow hooks is not taken for one that hangs. */
  constructor(log: Log, onCall: () => void) {
    this.#log = log
    this.#onCall = onCall
  }

  /** Asks whether something may be. Returns why not, in the words of what was thrown. */
  ask(state: string, validate: () => unknown): string | undefined {
    const { returned, reason, isSlow } = this.#time('validate', state, validate)
    if (reason !== undefined) {
      this.#counts.add('validate', 'refused')
      return reason
    }
    if (isThenable(returned)) {
      Promise.resolve(returned).catch(() => {})
      this.#fail('validate', state, 'it returned a promise')
      return 'validate has to decide at once, and returned a promise'
    }
    this.#counts.add('validate', isSlow ? 'slow' : 'ok')
    return undefined
  }

  /** Tells of what has happened. Nothing comes of it for the shard, whatever it does. */
  tell(hook: HookName, state: string, run: () => unknown): void {
    const unfinished = this.#unfinished.get(hook)
    if (unfinished !== undefined && unfinished.size >= unfinishedMax) {
      this.#counts.add(hook, 'skipped')
      this.#warn(
        'hook_not_called',
        hook,
        { state, unfinished: unfinished.size },
        'a hook was not called: too many of its promises are unfinished',
      )
      return
    }
    const { returned, reason, isSlow } = this.#time(hook, state, run)
    if (reason !== undefined) return this.#fail(hook, state, reason)
    const ended = isSlow ? 'slow' : 'ok'
    if (!isThenable(returned)) return this.#counts.add(hook, ended)
    this.#follow(hook, state, returned, ended)
  }

  /** Resolves when all promises have settled, or have had the time to. */
  async finish(): Promise<void> {
    const all = [...this.#unfinished.values()].flatMap((ofHook) => [...ofHook])
    if (all.length === 0) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), finishMsMax)
    })
    const outcome = await Promise.race([Promise.all(all), late])
    clearTimeout(timer)
    if (outcome === 'late')
      this.#log.warn({ event: 'hooks_unfinished' }, 'the shard stops, and its hooks have unfinished promises')
  }

  snapshot(): { hookSeconds: HistogramSnapshot; hooks: readonly OutcomeCount[] } {
    return { hookSeconds: this.#seconds.snapshot(), hooks: this.#counts.list() }
  }

  #follow(hook: HookName, state: string, returned: unknown, ended: 'ok' | 'slow'): void {
    let ofHook = this.#unfinished.get(hook)
    if (ofHook === undefined) {
      ofHook = new Set()
      this.#unfinished.set(hook, ofHook)
    }
    const unfinished = ofHook
    const settled: Promise<void> = Promise.resolve(returned)
      .then(
        () => this.#counts.add(hook, ended),
        (error: unknown) => this.#fail(hook, state, wordsOf(error)),
      )
      .finally(() => unfinished.delete(settled))
    unfinished.add(settled)
  }

  #time(hook: HookName, state: string, run: () => unknown): { returned?: unknown; reason?: string; isSlow: boolean } {
    this.#onCall()
    const startedAt = performance.now()
    let outcome: { returned: unknown } | { reason: string }
    try {
      outcome = { returned: run() }
    } catch (error) {
      outcome = { reason: wordsOf(error) }
    }
    const tookMs = performance.now() - startedAt
    this.#seconds.observe(tookMs / 1000)
    const isSlow = tookMs > slowMs
    if (isSlow) this.#warn('hook_slow', hook, { state, ms: Math.round(tookMs) }, 'a hook kept its shard for long')
    return { ...outcome, isSlow }
  }

  #fail(hook: HookName, state: string, reason: string): void {
    this.#counts.add(hook, 'failed')
    this.#warn('hook_failed', hook, { state, reason }, 'a hook failed')
  }

  #warn(event: LogEvent, hook: HookName, fields: object, message: string): void {
    const now = performance.now()
    const key = `${hook} ${event}`
    const logged = this.#logged.get(key)
    if (logged !== undefined && now - logged.at < logIntervalMs) {
      logged.keptBack += 1
      return
    }
    this.#logged.set(key, { at: now, keptBack: 0 })
    const keptBack = logged?.keptBack ?? 0
    this.#log.warn({ event, hook, ...fields, ...(keptBack > 0 && { kept_back: keptBack }) }, message)
  }
}

function isThenable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  try {
    return typeof (value as { then?: unknown }).then === 'function'
  } catch {
    return false
  }
}

/** Anything may be thrown, and what is thrown may throw when it is looked at. */
function wordsOf(error: unknown): string {
  try {
    return printable(String(error instanceof Error ? error.message : error))
  } catch {
    return 'it cannot be shown'
  }
}
