// `holdfast top` on a terminal: asks again and again, draws what was answered, and does what keys say, until it is told to end. A
// daemon that is away is asked again as well, and the last picture stays.
import { NoReply } from '../connection.ts'
import type { Look } from '../shell/look.ts'
import { type Figures, figuresOf, type Reading } from './figures.ts'
import { frame, type Sorting, sortings } from './frame.ts'
import { Screen, type ScreenOptions } from './screen.ts'

export interface LiveOptions extends Pick<ScreenOptions, 'input' | 'output'> {
  readonly endpoint: string
  readonly intervalMs: number
  /** Asks the daemon; rejects with an error whose words are shown. */
  readonly ask: (signal: AbortSignal) => Promise<Reading>
  readonly look: Pick<Look, 'colors'>
}

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const controlC = '\u0003'

/** Resolves when it was told to end. */
export async function runLive({ endpoint, intervalMs, ask, look, input, output }: LiveOptions): Promise<void> {
  const end = new AbortController()
  let figures: Figures | undefined
  let before: Reading | undefined
  let problem: string | undefined = 'no answer yet'
  let sorting: Sorting = 'shard'
  let isPaused = false
  let showsHelp = false
  let wake = (): void => {}

  const draw = (): void => {
    const view = { endpoint, figures, sorting, isPaused, showsHelp, problem }
    screen.draw(frame(view, screen.size, look.colors))
  }
  const onKey = (key: string): void => {
    if (key === 'q' || key === controlC) return stop()
    if (key === 's') sorting = sortings[(sortings.indexOf(sorting) + 1) % sortings.length] as Sorting
    else if (key === 'p' || key === ' ') {
      isPaused = !isPaused
      wake()
    } else if (key === '?' || key === 'h') showsHelp = !showsHelp
    else return
    draw()
  }
  const stop = (): void => {
    end.abort()
    wake()
  }
  const screen = new Screen({ input, output, onKey, onResize: draw })
  for (const signal of endingSignals) process.on(signal, stop)
  try {
    draw()
    for (;;) {
      if (!isPaused) {
        try {
          const reading = await ask(end.signal)
          figures = figuresOf(reading, before)
          problem = figures === undefined ? 'this daemon is too old for top' : undefined
          before = reading
        } catch (error) {
          problem = error instanceof NoReply ? 'no answer; asking again' : (error as Error).message
        }
        draw()
      }
      if (end.signal.aborted) break
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        wake = resolve
        // While it is paused only a key leads on.
        if (!isPaused) timer = setTimeout(resolve, intervalMs)
      })
      clearTimeout(timer)
    }
  } finally {
    for (const signal of endingSignals) process.off(signal, stop)
    screen.close()
  }
}
