// Lines of a picture, made of pieces that know their colour, so that what is cut off and what is beside what is reckoned in
// characters that can be seen. Pure.
import type { Colors } from '../shell/look.ts'

export type Paint = 'bold' | 'dim' | 'red' | 'yellow'

export interface Piece {
  readonly text: string
  readonly paint?: Paint
}

export type Line = readonly Piece[]

/** Each cell as wide as told, numbers to the right; those at the places of `left`, and condition and name, to the left. */
export function columns(cells: readonly string[], widths: readonly number[], paint?: Paint, left = [1]): Line {
  const text = cells
    .map((cell, index) => {
      const width = widths[index] ?? 0
      const cut = cell.length > width ? `${cell.slice(0, width - 1)}…` : cell
      return left.includes(index) ? cut.padEnd(width) : cut.padStart(width)
    })
    .join(' ')
  return [{ text, ...(paint && { paint }) }]
}

/** Lines beside each other. */
export function side(lines: readonly Line[]): Line {
  return lines.flatMap((line, index) => (index === 0 ? line : [{ text: '   ' }, ...line]))
}

export function clipped(line: Line, width: number): Line {
  let left = width
  return line.flatMap((piece) => {
    const text = piece.text.slice(0, left)
    left -= text.length
    return text === '' ? [] : [{ ...piece, text }]
  })
}

export function painted(line: Line, colors: Colors): string {
  const end = line
    .map(({ text }) => text)
    .join('')
    .trimEnd().length
  return clipped(line, end)
    .map(({ text, paint }) => (paint === undefined ? text : colors[paint](text)))
    .join('')
}
