// The verdicts of a campaign on its histories, and their counts. The first violation ends it.
import { AssertionError } from 'node:assert/strict'
import type { History } from './history.ts'
import { judgeHistory, type Subject } from './subjects.ts'

export class Tally {
  deaths = 0
  #histories = 0
  #withDeaths = 0
  #operations = 0
  #unknown = 0
  #undecided = 0
  #mostSteps = 0

  /** Throws with an explanation where the history has no order. */
  take(subject: Subject, history: History, where: string, died = true): void {
    const verdict = judgeHistory(subject, history)
    if (verdict.outcome === 'violation') {
      const message = `${where}: the history of the ${subject.kind} ${subject.names.join(' and ')} has no order:\n`
      throw new AssertionError({ message: message + verdict.explanation })
    }
    this.#histories += 1
    if (died) this.#withDeaths += 1
    this.#operations += history.calls.length
    this.#unknown += history.unknown
    if (verdict.outcome === 'undecided') this.#undecided += 1
    this.#mostSteps = Math.max(this.#mostSteps, verdict.steps)
  }

  counts() {
    return {
      histories: this.#histories,
      'with deaths': this.#withDeaths,
      operations: this.#operations,
      deaths: this.deaths,
      'outcome unknown': this.#unknown,
      violations: 0,
      undecided: this.#undecided,
      'longest search, steps': this.#mostSteps,
    }
  }
}
