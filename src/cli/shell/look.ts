// How replies are drawn: with which colours, how wide, how much of a long list.
import picocolors from 'picocolors'

export type Colors = ReturnType<typeof picocolors.createColors>

export interface Look {
  readonly colors: Colors
  /** Columns of the terminal; undefined where there is none, and nothing has to fit. */
  readonly width: number | undefined
  /** How many records of a list are drawn. */
  readonly recordsMax: number
}

/** More than this nobody reads on a terminal, and it would push away everything else. */
const recordsOnTerminalMax = 1_000

/** For output that is read by a program, or later. */
export const plainLook: Look = {
  colors: picocolors.createColors(false),
  width: undefined,
  recordsMax: Number.POSITIVE_INFINITY,
}

/** For a terminal; NO_COLOR in the environment turns its colours off. */
export function terminalLook(columns: number): Look {
  const colors = picocolors.createColors(picocolors.isColorSupported)
  return { colors, width: columns, recordsMax: recordsOnTerminalMax }
}
