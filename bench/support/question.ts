// What a benchmark is to main.ts: a name, a question, and a way to find the answer.
import type { Row } from '../report.ts'
import type { PeerChoice } from './peers.ts'
import type { Effort } from './rounds.ts'

export interface Context extends Effort {
  readonly peers: PeerChoice
}

export interface Findings {
  readonly rows: readonly Row[]
  readonly notes?: readonly string[]
}

export interface Question {
  readonly name: string
  readonly question: string
  answer(context: Context): Promise<Findings>
}

/** What was begun for a question, and has to end with it. */
export class Stage {
  readonly #ends: (() => Promise<void>)[] = []

  /** Resolves to what was begun, and remembers to end it. */
  async begin<Thing extends { end(): Promise<void> }>(beginning: Promise<Thing>): Promise<Thing> {
    const thing = await beginning
    this.#ends.push(() => thing.end())
    return thing
  }

  /** Ends all, what was begun last first. */
  async end(): Promise<void> {
    for (const end of this.#ends.reverse()) await end()
  }
}

/** Acts with a stage of its own, and ends what was begun on it, whatever happens. */
export async function onStage<Result>(act: (stage: Stage) => Promise<Result>): Promise<Result> {
  const stage = new Stage()
  try {
    return await act(stage)
  } finally {
    await stage.end()
  }
}
