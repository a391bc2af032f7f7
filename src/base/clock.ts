// The two clocks of the engine. They are injected everywhere, so that a simulation can move them and replay reads none.
// A batch reads both once: all that happens in it happens at one moment.

export interface Clocks {
  /** Milliseconds since 1970, as people and other machines see them; may jump. Timestamps and key expiry use it. */
  readonly wall: number
  /** Milliseconds from an arbitrary start, never going back. Durations, lock expiry and waiting use it. */
  readonly mono: number
}

export type ReadClocks = () => Clocks

export const systemClocks: ReadClocks = () => ({ wall: Date.now(), mono: performance.now() })

/** Milliseconds on a clock that all threads of the process share and that never goes back, to compare moments of two. */
export function threadsMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/** Calls back after so many milliseconds; returns how to call that off. It keeps no process alive. */
export type WakeAfter = (ms: number, wake: () => void) => () => void

export const systemWakeAfter: WakeAfter = (ms, wake) => {
  const timer = setTimeout(wake, ms)
  timer.unref()
  return () => clearTimeout(timer)
}
