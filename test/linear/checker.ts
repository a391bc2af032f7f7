// Whether what concurrent callers saw can have come of calls that ran one at a time, each at some moment between its start
// and its answer: the search of Wing and Gong, with Lowe's memory of where it has been. A call whose outcome nobody knows
// may have run at any moment after its start, or never. Knows nothing of commands: what they do is a `Sequential`'s own.
import type { JsonObject } from '../../src/protocol/value.ts'

export interface Call {
  readonly client: string
  readonly command: JsonObject
  /** Undefined where nobody knows whether it ran. */
  readonly reply: JsonObject | undefined
  /** Two moments of one clock. No answer ever came to what is at infinity. */
  readonly invokedAt: number
  readonly answeredAt: number
}

/** What calls do when they run one at a time. States are values: nothing ever changes one. */
export interface Sequential<State> {
  readonly initial: State
  /** Where the call leads; undefined if it cannot be answered so there. Without a reply any answer will do. */
  step(state: State, command: JsonObject, reply: JsonObject | undefined): State | undefined
  /** Whether the call can be answered so neither there nor anywhere that this leads to. */
  isTooLate(state: State, command: JsonObject, reply: JsonObject): boolean
  /** The same for states that nothing tells apart. */
  keyOf(state: State): string
  /** Whether the command never changes anything. */
  isRead(command: JsonObject): boolean
  /** What the command would be answered there, in words. */
  answerIn(state: State, command: JsonObject): string
}

export type Outcome = 'ok' | 'violation' | 'undecided'

export interface Search<State> {
  readonly outcome: Outcome
  /** How often a call was tried in a state. */
  readonly steps: number
  /** The states in which this call was tried in vain, where it was asked about. */
  readonly triedIn: readonly State[]
}

export interface SearchOptions {
  /** The search gives up after so many. */
  readonly stepsMax?: number
  /** The call whose tries are of interest. */
  readonly about?: Call
}

/** Enough for histories that come of a correct engine a hundred times over, and over in seconds. */
const defaultStepsMax = 300_000
const statesShownMax = 100

/** The start or the answer of a call, in a list ordered by time, from which calls are taken and to which they come back. */
interface Event {
  readonly call: Call
  readonly index: number
  readonly at: number
  /** Of a start, the answer; none where it never comes. */
  answer: Event | undefined
  readonly isAnswer: boolean
  previous: Event | undefined
  next: Event | undefined
}

const noLinks = { answer: undefined, previous: undefined, next: undefined }
const nobody: Call = { client: '', command: {}, reply: undefined, invokedAt: 0, answeredAt: 0 }

interface Taken<State> {
  readonly start: Event
  readonly stateBefore: State
  readonly keyBefore: string
  readonly keyAfter: string
  readonly bound: number
}

/** Looks for an order. */
export function search<State>(
  sequential: Sequential<State>,
  calls: readonly Call[],
  { stepsMax = defaultStepsMax, about }: SearchOptions = {},
): Search<State> {
  const known = listOf(calls, isAnswered)
  // Taken only where nothing else fits: otherwise each would be tried before all that came later.
  const unknown = listOf(calls, (call) => !isAnswered(call))
  const seen = new Set<string>()
  const taken: Taken<State>[] = []
  const triedIn = new Map<string, State>()
  let state = sequential.initial
  let key = sequential.keyOf(state)
  let set = 0n
  let answersLeft = calls.filter(isAnswered).length
  let steps = 0
  const result = (outcome: Outcome): Search<State> => ({ outcome, steps, triedIn: [...triedIn.values()] })
  let event = known.next
  let bound = Number.POSITIVE_INFINITY
  while (answersLeft > 0) {
    if (event !== undefined && !event.isAnswer && event.at <= bound) {
      const { call, index } = event
      steps += 1
      if (steps > stepsMax) return result('undecided')
      const after = sequential.step(state, call.command, call.reply)
      if (after === undefined && call === about && triedIn.size < statesShownMax) triedIn.set(key, state)
      const keyAfter = after === undefined ? key : sequential.keyOf(after)
      // What may never have run, and would change nothing here, is left for later.
      if (after !== undefined && (isAnswered(call) || keyAfter !== key)) {
        const setAfter = set | (1n << BigInt(index))
        const place = `${setAfter.toString(36)} ${keyAfter}`
        if (!seen.has(place)) {
          seen.add(place)
          if (isDeadEnd(sequential, after, known, call)) {
            event = event.next
            continue
          }
          taken.push({ start: event, stateBefore: state, keyBefore: key, keyAfter, bound })
          takeOut(event)
          ;[state, key, set] = [after, keyAfter, setAfter]
          if (isAnswered(call)) answersLeft -= 1
          ;[event, bound] = [known.next, Number.POSITIVE_INFINITY]
          continue
        }
      }
      event = event.next
      continue
    }
    if (event?.isAnswer === true) {
      ;[event, bound] = [unknown.next, event.at]
      continue
    }
    // Somebody was answered by then who must have run before: one of those taken has to be taken elsewhere.
    let last: Taken<State> | undefined
    do {
      last = taken.pop()
      if (last === undefined) return result('violation')
      putBack(last.start)
      ;[state, key, bound] = [last.stateBefore, last.keyBefore, last.bound]
      set &= ~(1n << BigInt(last.start.index))
      if (isAnswered(last.start.call)) answersLeft += 1
      // A read that was possible here, and taught nothing, could not help anybody by coming later.
    } while (sequential.isRead(last.start.call.command) && last.keyAfter === key)
    event = last.start.next
  }
  return result('ok')
}

/** Whether somebody who is left was answered what is over, which shows before the search has come that far. */
function isDeadEnd<State>(sequential: Sequential<State>, state: State, known: Event, taken: Call): boolean {
  for (let event = known.next; event !== undefined; event = event.next) {
    const { call, isAnswer } = event
    if (isAnswer || call === taken || call.reply === undefined) continue
    if (sequential.isTooLate(state, call.command, call.reply)) return true
  }
  return false
}

export function isAnswered({ reply }: Call): boolean {
  return reply !== undefined
}

/** Returns what stands before the first event. */
function listOf(calls: readonly Call[], isWanted: (call: Call) => boolean): Event {
  const head: Event = { ...noLinks, call: nobody, index: -1, at: Number.NEGATIVE_INFINITY, isAnswer: false }
  const events = calls.flatMap((call, index) => {
    if (!isWanted(call)) return []
    const start: Event = { ...noLinks, call, index, at: call.invokedAt, isAnswer: false }
    if (!isAnswered(call)) return [start]
    start.answer = { ...noLinks, call, index, at: call.answeredAt, isAnswer: true }
    return [start, start.answer]
  })
  // Calls that touch at one moment overlap.
  events.sort((a, b) => a.at - b.at || Number(a.isAnswer) - Number(b.isAnswer))
  let last = head
  for (const event of events) {
    last.next = event
    event.previous = last
    last = event
  }
  return head
}

function takeOut(start: Event): void {
  unlink(start)
  if (start.answer !== undefined) unlink(start.answer)
}

/** The last that was taken out comes back first, and so finds its neighbours as they were. */
function putBack(start: Event): void {
  if (start.answer !== undefined) link(start.answer)
  link(start)
}

function unlink({ previous, next }: Event): void {
  if (previous !== undefined) previous.next = next
  if (next !== undefined) next.previous = previous
}

function link(event: Event): void {
  if (event.previous !== undefined) event.previous.next = event
  if (event.next !== undefined) event.next.previous = event
}
