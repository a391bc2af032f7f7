// Which states of a machine are active, as XState writes it and as it goes over the wire: `"open"`, `{"open": "asked"}`, or
// one field for each region of a parallel state. Anybody may ask it.

/** With the names of the states where they are known. */
export type StateValue<State extends string = string> = State | { [state: string]: StateValue }

/** Whether the state with this path, `player.paused`, is active. */
export function isIn(value: StateValue, path: string): boolean {
  let rest: StateValue | undefined = value
  for (const key of path.split('.')) {
    if (typeof rest === 'string') {
      if (rest !== key) return false
      rest = undefined
    } else {
      if (rest === undefined || !Object.hasOwn(rest, key)) return false
      rest = rest[key]
    }
  }
  return true
}
