// The verdict on a history, with as little as shows what is wrong: up to the first answer that no order explains, without
// the reads that it does not take, and with what could have been answered instead. Used by tests and campaigns.
import { type Call, isAnswered, type Search, type SearchOptions, type Sequential, search } from './checker.ts'

export type Verdict =
  | { readonly outcome: 'ok' | 'undecided'; readonly steps: number }
  | { readonly outcome: 'violation'; readonly steps: number; readonly explanation: string }

const callsShownMax = 30
const textMax = 240

export function judge<State>(
  sequential: Sequential<State>,
  calls: readonly Call[],
  options: SearchOptions = {},
): Verdict {
  const { outcome, steps } = search(sequential, calls, options)
  if (outcome !== 'violation') return { outcome, steps }
  return { outcome, steps, explanation: explain(sequential, calls, options) }
}

/** What was known at the moment of this answer. */
function upTo(calls: readonly Call[], { answeredAt: end }: Call): Call[] {
  return calls
    .filter(({ invokedAt }) => invokedAt <= end)
    .map((call) =>
      call.answeredAt <= end ? call : { ...call, reply: undefined, answeredAt: Number.POSITIVE_INFINITY },
    )
}

function explain<State>(sequential: Sequential<State>, calls: readonly Call[], options: SearchOptions): string {
  const isBroken = (some: readonly Call[]): boolean => search(sequential, some, options).outcome === 'violation'
  // What has an order has one up to any moment, so that the first answer too many can be found by halves.
  const answered = calls.filter(isAnswered).sort((a, b) => a.answeredAt - b.answeredAt)
  let [low, high] = [0, answered.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBroken(upTo(calls, answered[middle] as Call))) high = middle
    else low = middle + 1
  }
  const wrong = answered[low] as Call
  let shown = upTo(calls, wrong)
  for (const call of shown) {
    const rest = shown.filter((other) => other !== call)
    if (call !== wrong && (sequential.isRead(call.command) || !isAnswered(call)) && isBroken(rest)) shown = rest
  }
  // The whole search, which comes to this call even where it is known before that it cannot be answered so.
  const { triedIn } = search({ ...sequential, isTooLate: () => false }, shown, { ...options, about: wrong })
  return [
    `no order explains this answer: ${inWords(wrong)}`,
    ...insteadOf(sequential, wrong, triedIn),
    'after these calls, in the order of their starts [start-answer]:',
    ...shown.slice(-callsShownMax).map((call) => `  ${inWords(call)}`),
    ...(shown.length > callsShownMax ? [`  (and ${shown.length - callsShownMax} before them)`] : []),
  ].join('\n')
}

function insteadOf<State>(
  sequential: Sequential<State>,
  { command }: Call,
  triedIn: Search<State>['triedIn'],
): readonly string[] {
  const answers = new Set(triedIn.map((state) => sequential.answerIn(state, command)))
  if (answers.size === 0) return ['each order that gets as far as its start breaks an earlier answer']
  return ['it could have been:', ...[...answers].slice(-5).map((answer) => `  ${short(answer)}`)]
}

export function inWords({ client, command, reply, invokedAt, answeredAt }: Call): string {
  const { cmd, ...args } = command
  const answer = reply === undefined ? '(outcome unknown)' : JSON.stringify(reply)
  const end = Number.isFinite(answeredAt) ? answeredAt : ''
  return `[${invokedAt}-${end}] ${client}: ${cmd as string} ${short(JSON.stringify(args))} -> ${short(answer)}`
}

function short(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax)}...`
}
