// Which known name somebody who mistyped one may have meant.

/** The candidate closest to `name`, if it is close enough to be worth a guess: a third of its letters may differ. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance * 3 <= candidate.length)
    .sort((a, b) => a.distance - b.distance)
  return ranked[0]?.candidate
}

/** How many letters must be added, removed or replaced to turn one word into the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  // Both are names that a person typed; a text without end is not worth a quadratic look.
  if (Math.abs(from.length - to.length) > 8) return Number.POSITIVE_INFINITY
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row += 1) {
    const line = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (above[column - 1] as number) + (from[row - 1] === to[column - 1] ? 0 : 1)
      line.push(Math.min(replaced, (above[column] as number) + 1, (line[column - 1] as number) + 1))
    }
    above = line
  }
  return above[to.length] as number
}
