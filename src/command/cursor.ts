// Where a paged list goes on. Cursors are opaque to callers, so that what they are made of may change. Owns nothing.

export function cursorOfOrder(order: number): string {
  return `r${order.toString(36)}`
}

/** The insertion number behind which a list goes on: 0 where no cursor is given, undefined for what is none. */
export function orderOfCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return 0
  if (!/^r[\da-z]{1,11}$/.test(cursor)) return undefined
  const order = Number.parseInt(cursor.slice(1), 36)
  return Number.isSafeInteger(order) ? order : undefined
}
