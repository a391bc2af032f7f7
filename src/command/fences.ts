// Fences: a write may show the token of a lock, and does not happen if somebody else has had the lock since. Reads the
// locks and touches nothing; asked in the same step in which the write is decided, by whoever runs one.
import type { Fence } from '../protocol/arguments.ts'
import type { Locks } from '../state/locks.ts'
import { type Refuse, refuse, type Steps } from './decide.ts'

/** What a fence is held against. */
export interface FenceContext {
  readonly locks: Locks
  /** Whether this shard is the home of a name. */
  readonly owns: (name: string) => boolean
}

/** Why a write under this fence must not happen now. The newest token is good, whether the lock is held or not. */
export function fenceProblem({ lock, token }: Fence, { locks, owns }: FenceContext): Refuse | undefined {
  if (!owns(lock)) {
    const reason = `lock '${lock}' lives on another shard than the state; a common {tag} in their names keeps them together`
    return refuse('INVALID_REQUEST', { reason })
  }
  const known = locks.get(lock)
  if (known === undefined ? token > locks.floor : token >= known.token) return undefined
  return refuse('FENCED', { lock, token, newest: locks.newestOf(lock) })
}

/** The steps of a write, each of which is taken only while the fence is good: locks go on changing hands in between. */
export function* fencedSteps(fence: Fence, context: FenceContext, steps: Steps['steps']): Steps['steps'] {
  for (;;) {
    const step = steps.next()
    const problem = fenceProblem(fence, context)
    if (problem !== undefined) return problem
    if (step.done) return step.value
    yield step.value
  }
}
