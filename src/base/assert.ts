// Assertions for bugs, on in production: a shard whose invariant is broken stops and is restarted from its journal,
// because serving from a state that cannot be trusted is worse than not serving. Never use it for bad input.

/** Thrown by `assert`: names an invariant of the engine itself that does not hold. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

/** Stops with an `AssertionFailure` unless `condition` holds. `invariant` is a sentence that should have been true. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new AssertionFailure(`broken invariant: ${invariant}`)
}
