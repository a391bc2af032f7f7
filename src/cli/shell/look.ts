// How replies are drawn: with which colours, how wide, how much of a long list.
import type { WriteStream } from 'node:tty'
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
export function terminalLook(terminal: WriteStream): Look {
  const colors = picocolors.createColors(picocolors.isColorSupported)
  return { colors, width: widthOf(terminal), recordsMax: recordsOnTerminalMax }
}

/** Columns; undefined for what is no terminal, or for one that does not know. */
export function widthOf({ isTTY, columns }: WriteStream): number | undefined {
  return isTTY && columns > 0 ? columns : undefined
}
