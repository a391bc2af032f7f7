// One instance of a machine: where it stands, its context, what happened to it, and when its timers are due. Pure: each
// function answers with what should stand next, for a change to carry. Called by whatever decides commands on instances.
// Invariant: contents are never changed once made, and a deadline stands for each timer that runs and no other.

import { approximateBytes, type JsonObject } from '../protocol/value.ts'
import type { Configuration, Machine, StateValue, Step } from './machine.ts'

export interface InstanceContents {
  readonly configuration: Configuration
  readonly context: JsonObject
  /** Milliseconds since 1970, by the event of the timer, in the order in which they were armed. */
  readonly deadlines: ReadonlyMap<string, number>
  readonly past: Past | undefined
  /** The version of the state at the last write. */
  readonly revision: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly updatedAt: number
  /** About how many bytes it takes as JSON text, its past not counted. */
  readonly bytes: number
}

/** One transition. */
export interface Occurrence {
  readonly from: StateValue
  readonly to: StateValue
  /** What was sent, or the reserved name of the timer that fired. */
  readonly event: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** The version of the state after it. */
  readonly version: number
}

/**
 * Occurrences from the newest back. A list of links, because a new one then costs the same however many there are, and
 * what stood before is still there to be undone to.
 */
export interface Past {
  readonly newest: Occurrence
  readonly before: Past | undefined
  readonly length: number
}

/** When something happens, and which version of the state it makes. */
export interface Moment {
  readonly at: number
  readonly version: number
}

/** What happens to an instance: the event, and what came with it for the context. */
export interface Happening extends Moment {
  readonly event: string
  readonly data?: JsonObject
  /** How many occurrences are kept. */
  readonly historyMax: number
}

/** What a new instance begins with: of a machine, or of a value that it stands at already. */
export interface Begins {
  readonly beginning: Pick<Step, 'to' | 'armed'>
}

/** A new instance. */
export function begin({ beginning }: Begins, context: JsonObject, { at, version }: Moment): InstanceContents {
  const deadlines = new Map(beginning.armed.map(({ event, delayMs }) => [event, at + delayMs]))
  return weighed({ configuration: beginning.to, context, deadlines, past: undefined }, version, at, at)
}

/** The instance after a step that its machine answered. Data goes over the context's fields, one by one and not deeper. */
export function advance(contents: InstanceContents, step: Step, happening: Happening): InstanceContents {
  const { event, at, version, data, historyMax } = happening
  const { configuration, deadlines: running } = contents
  // The timer that fired is over whether or not its state was left.
  const isUntouched = step.cancelled.length === 0 && step.armed.length === 0 && !running.has(event)
  const deadlines = isUntouched ? running : new Map(running)
  if (!isUntouched) wind(deadlines as Map<string, number>, step, event, at)
  const occurrence = { from: configuration.value, to: step.to.value, event, at, version }
  const context = data === undefined ? contents.context : { ...contents.context, ...data }
  const past = remember(contents.past, occurrence, historyMax)
  return weighed({ configuration: step.to, context, deadlines, past }, version, contents.createdAt, at)
}

function wind(deadlines: Map<string, number>, { cancelled, armed }: Step, fired: string, at: number): void {
  deadlines.delete(fired)
  for (const event of cancelled) deadlines.delete(event)
  for (const { event, delayMs } of armed) {
    // Deleted first, so that the order stays that of arming.
    deadlines.delete(event)
    deadlines.set(event, at + delayMs)
  }
}

/** The instance without a timer that turned out to lead nowhere. */
export function withoutTimer(contents: InstanceContents, timer: string, { at, version }: Moment): InstanceContents {
  const deadlines = new Map(contents.deadlines)
  deadlines.delete(timer)
  return weighed({ ...contents, deadlines }, version, contents.createdAt, at)
}

/** The instance under another definition. Timers that both definitions have run on; the others begin now. */
export function migrated(
  contents: InstanceContents,
  machine: Machine,
  configuration: Configuration,
  { at, version }: Moment,
): InstanceContents {
  const timers = machine.timers(configuration)
  const deadlines = new Map(timers.map(({ event, delayMs }) => [event, contents.deadlines.get(event) ?? at + delayMs]))
  return weighed({ ...contents, configuration, deadlines }, version, contents.createdAt, at)
}

/** The timer that is due first; of several at one moment, the one that was armed first. */
export function firstDeadline({ deadlines }: InstanceContents): { event: string; at: number } | undefined {
  let first: { event: string; at: number } | undefined
  for (const [event, at] of deadlines) if (first === undefined || at < first.at) first = { event, at }
  return first
}

/** The newest occurrences, the newest last. */
export function occurrences(past: Past | undefined, max: number): Occurrence[] {
  const found: Occurrence[] = []
  for (let link = past; link !== undefined && found.length < max; link = link.before) found.push(link.newest)
  return found.reverse()
}

function remember(past: Past | undefined, newest: Occurrence, max: number): Past | undefined {
  if (max === 0) return undefined
  // Cut back only now and then: the end of the links cannot be reached but by making all of them anew.
  const kept = (past?.length ?? 0) >= 2 * max ? linked(occurrences(past, max - 1)) : past
  return { newest, before: kept, length: (kept?.length ?? 0) + 1 }
}

function linked(all: readonly Occurrence[]): Past | undefined {
  return all.reduce<Past | undefined>(
    (before, newest) => ({ newest, before, length: (before?.length ?? 0) + 1 }),
    undefined,
  )
}

type Parts = Pick<InstanceContents, 'configuration' | 'context' | 'deadlines' | 'past'>

/** Contents, with what they take. */
export function weighed(parts: Parts, revision: number, createdAt: number, updatedAt: number): InstanceContents {
  const { configuration, context, deadlines, past } = parts
  // A deadline is a name of some thirty characters and a number.
  const bytes = configuration.key.length + approximateBytes(context) + deadlines.size * 48
  return { configuration, context, deadlines, past, revision, createdAt, updatedAt, bytes }
}
