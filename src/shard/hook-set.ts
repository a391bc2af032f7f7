// The hooks that are given to a shard: those of its extension, for all states, and those of an embedding program, each
// for one state. Outlives the shard's lives. Filled by whoever starts the shard, read by hooks.ts.
// Invariant: they are called in the order in which they were given, those of the extension first.
import type { Extension, OnChange, OnTransition, Validate } from '../protocol/hooks.ts'

export class HookSet {
  readonly #validators = new Registrations<Validate>()
  readonly #listeners = new Registrations<OnTransition>()
  readonly #extension: Extension

  constructor(extension: Extension = {}) {
    this.#extension = extension
  }

  /** Returns what takes the hook away again. */
  addValidate(state: string, hook: Validate): () => void {
    return this.#validators.add(state, hook)
  }

  /** Returns what takes the hook away again. */
  addOnTransition(state: string, hook: OnTransition): () => void {
    return this.#listeners.add(state, hook)
  }

  validatorsOf(state: string): readonly Validate[] {
    return this.#validators.of(state, this.#extension.validate)
  }

  listenersOf(state: string): readonly OnTransition[] {
    return this.#listeners.of(state, this.#extension.onTransition)
  }

  get onChange(): OnChange | undefined {
    return this.#extension.onChange
  }
}

const none: readonly never[] = []

/** Functions by state. The same function given twice is called twice. */
class Registrations<Hook> {
  readonly #hooks = new Map<string, readonly Hook[]>()

  add(state: string, hook: Hook): () => void {
    this.#hooks.set(state, [...(this.#hooks.get(state) ?? []), hook])
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const all = this.#hooks.get(state) ?? []
      const rest = all.toSpliced(all.indexOf(hook), 1)
      if (rest.length > 0) this.#hooks.set(state, rest)
      else this.#hooks.delete(state)
    }
  }

  of(state: string, always: Hook | undefined): readonly Hook[] {
    const own = this.#hooks.size === 0 ? undefined : this.#hooks.get(state)
    if (always === undefined) return own ?? none
    return own === undefined ? [always] : [always, ...own]
  }
}
