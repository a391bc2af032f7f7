// Reads the definition of a state machine, XState v5's configuration as JSON, into a tree whose every part is known to
// be well-formed. XState itself takes misspelt keys, overwrites one of two equal ids and loops for ever on some input, so
// nothing reaches it that was not read here. Called by whatever compiles, draws or migrates a machine.
// Invariant: a definition of any shape and size is read in time linear in its size and with bounded recursion.

import { child } from './json-pointer.ts'
import { findEndlessCompletion } from './machine-completions.ts'
import { resolveTargets } from './machine-targets.ts'
import { type MachineProblem, type StateNode, type StateType, stateTypes, type Transition } from './machine-tree.ts'
import { nameProblem } from './names.ts'
import { approximateBytes, isObject, type JsonObject, type JsonValue, valueProblem } from './value.ts'

// Each bounds what one transition can cost XState, whose work grows with the square of states and of regions. Together
// they keep the worst transition in the range of milliseconds.
const statesMax = 256
const transitionsMax = 1_000
const regionsMax = 32
const depthMax = 16
// What is remembered stands in every instance.
const historyStatesMax = 16
const bytesMax = 64 * 1024
const delayMsMax = 100 * 366 * 24 * 3_600 * 1_000

// Known to XState, or to its fourth version, and refused: what would need code, could loop, or would be ignored where
// the user expects it to be kept.
const unsupportedKeys = new Set(
  `activities always cond context data delays delimiter emit guard guards in input internal invoke onEntry onExit order
  output params predictableActionArguments route schemas spawn strict types`.split(/\s+/),
)

/** The root of the tree, or the definition's first problem. */
export function readMachine(source: JsonValue): StateNode | MachineProblem {
  if (!isObject(source)) return { code: 'INVALID_DEFINITION', path: '', reason: 'must be an object' }
  const reason = valueProblem(source)
  if (reason !== undefined) return { code: 'INVALID_DEFINITION', path: '', reason }
  if (approximateBytes(source) > bytesMax) {
    return { code: 'UNSUPPORTED', path: '', reason: `the definition is larger than ${bytesMax} bytes` }
  }
  const reader = new Reader()
  const root = reader.read(source)
  return reader.problem ?? resolveTargets(root, reader.transitions) ?? findEndlessCompletion(root) ?? root
}

/** Remembers the first problem and reads on with some harmless value, so that reading needs no detours. */
class Reader {
  problem: MachineProblem | undefined
  readonly transitions: Transition[] = []
  readonly #ids = new Set<string>()
  #states = 0
  #regions = 0
  #histories = 0

  read(source: JsonObject): StateNode {
    const id = 'id' in source ? this.#id(source['id'], '/id') : '(machine)'
    this.#ids.add(id)
    return this.#node(source, { key: id, id, path: '', pointer: '', parent: undefined }, 1)
  }

  #node(
    source: JsonObject,
    place: Pick<StateNode, 'key' | 'id' | 'path' | 'pointer' | 'parent'>,
    depth: number,
  ): StateNode {
    const node: StateNode = {
      ...place,
      type: 'atomic',
      states: new Map(),
      initial: undefined,
      history: undefined,
      fallback: undefined,
      on: new Map(),
      after: new Map(),
      onDone: undefined,
      entry: [],
      exit: [],
    }
    this.#states += 1
    if (this.#states > statesMax) this.#unsupported(node.pointer, `there are more than ${statesMax} states`)
    if (depth > depthMax) this.#unsupported(node.pointer, `states are nested deeper than ${depthMax}`)
    for (const key of Object.keys(source)) {
      // Also what ends the recursion and the loops over a definition that is beyond a bound.
      if (this.problem !== undefined) return node
      this.#key(node, key, source[key] as JsonValue, child(node.pointer, key), depth)
    }
    this.#type(node, source)
    return node
  }

  #key(node: StateNode, key: string, value: JsonValue, pointer: string, depth: number): void {
    switch (key) {
      case 'states':
        this.#children(node, value, pointer, depth)
        break
      case 'on':
        this.#each(value, pointer, (descriptor, transition, at) => {
          const problem = descriptorProblem(descriptor)
          if (problem !== undefined) this.#invalid(at, problem)
          node.on.set(descriptor, this.#transition(node, transition, at))
        })
        break
      case 'after':
        this.#each(value, pointer, (delay, transition, at) => {
          if (!/^[1-9]\d*$/.test(delay) || Number(delay) > delayMsMax) {
            this.#invalid(at, `must be whole milliseconds, 1 to ${delayMsMax}; delays with names are not supported`)
          }
          node.after.set(Number(delay), this.#transition(node, transition, at))
        })
        break
      case 'onDone':
        node.onDone = this.#transition(node, value, pointer)
        break
      case 'target':
        if (typeof value !== 'string') this.#invalid(pointer, 'must be the name of one state')
        node.fallback = this.#transition(node, value, pointer)
        break
      case 'entry':
      case 'exit':
        node[key] = this.#actions(value, pointer)
        break
      case 'type':
        if (!stateTypes.some((type) => type === value))
          this.#invalid(pointer, `must be one of ${stateTypes.join(', ')}`)
        break
      case 'history':
        if (value !== true && value !== 'shallow' && value !== 'deep') {
          this.#invalid(pointer, 'must be true, "shallow" or "deep"')
        }
        node.history = value === 'deep' ? 'deep' : 'shallow'
        break
      // Read with the others: `initial` together with `states`, `id` before the node itself.
      case 'initial':
      case 'id':
        break
      default:
        this.#remark(key, value, pointer, node.parent === undefined)
    }
  }

  /** What machines carry for people and tools; anything else is refused. */
  #remark(key: string, value: JsonValue, pointer: string, atRoot: boolean): void {
    if (key === 'meta') return
    if (key === 'description' || (key === 'version' && atRoot)) {
      if (typeof value !== 'string') this.#invalid(pointer, 'must be a string')
    } else if (key === 'tags') {
      this.#strings(value, pointer)
    } else if (unsupportedKeys.has(key)) {
      this.#unsupported(pointer, `'${key}' is not supported`)
    } else {
      this.#invalid(pointer, 'has no meaning here')
    }
  }

  #children(node: StateNode, value: JsonValue, pointer: string, depth: number): void {
    this.#each(value, pointer, (key, source, at) => {
      const problem = stateNameProblem(key, 'the name of a state')
      if (problem !== undefined) return this.#invalid(at, problem)
      if (!isObject(source)) return this.#invalid(at, 'must be an object')
      const path = node.path === '' ? key : `${node.path}.${key}`
      const root = [...this.#ids][0] as string
      const id = 'id' in source ? this.#id(source['id'], child(at, 'id')) : `${root}.${path}`
      if (this.#ids.has(id)) this.#invalid(child(at, 'id'), 'is the id of two states')
      this.#ids.add(id)
      node.states.set(key, this.#node(source, { key, id, path, pointer: at, parent: node }, depth + 1))
    })
  }

  /** What kind of state it is follows from what it has; `type` must agree. */
  #type(node: StateNode, source: JsonObject): void {
    const { pointer, states } = node
    const implied = states.size > 0 ? 'compound' : node.history === undefined ? 'atomic' : 'history'
    node.type = stateTypes.find((type) => type === source['type']) ?? implied
    if (node.type === 'history') node.history ??= 'shallow'
    const reason = this.#misfit(node, source)
    if (reason !== undefined) return this.#invalid(child(pointer, reason.key), reason.text)
    if (node.type === 'parallel') this.#parallel(node)
    if (node.type === 'history') this.#history(node)
    if (node.type !== 'compound') return
    const initial = source['initial']
    node.initial = typeof initial === 'string' ? states.get(initial) : undefined
    if (isObject(initial))
      this.#unsupported(child(pointer, 'initial'), 'an initial state with actions is not supported')
    if (node.initial === undefined) this.#invalid(child(pointer, 'initial'), 'must name one of the states')
    // XState would look for the history's own default there, and so for itself.
    else if (node.initial.type === 'history') this.#invalid(child(pointer, 'initial'), 'must not name a history state')
  }

  #parallel({ pointer, states }: StateNode): void {
    this.#regions += states.size
    if (this.#regions > regionsMax)
      this.#unsupported(child(pointer, 'states'), `there are more than ${regionsMax} regions`)
    // Without a target it leads to the parallel state itself; asked from inside, XState leaves that state and forgets it.
    const bare = [...states.values()].find(({ type, fallback }) => type === 'history' && fallback === undefined)
    if (bare !== undefined) this.#invalid(bare.pointer, "the history of a parallel state needs a 'target'")
  }

  #history({ pointer, parent }: StateNode): void {
    this.#histories += 1
    if (this.#histories > historyStatesMax) {
      this.#unsupported(pointer, `there are more than ${historyStatesMax} history states`)
    }
    if (parent?.parent === undefined) this.#invalid(pointer, 'the machine itself is never left and so has no history')
  }

  #misfit(node: StateNode, source: JsonObject): { key: string; text: string } | undefined {
    const { type } = node
    const inner = [...node.states.values()].filter((state) => state.type !== 'history')
    const isBranch = type === 'compound' || type === 'parallel'
    if (node.parent === undefined && !isBranch) {
      return { key: node.states.size === 0 && type === 'atomic' ? 'states' : 'type', text: 'a machine needs states' }
    }
    if (isBranch && inner.length === 0) return { key: 'states', text: `a ${type} state needs states` }
    const allowed = allowedKeys[type]
    const misplaced = placedKeys.find((key) => Object.hasOwn(source, key) && !allowed.includes(key))
    // An empty object of states says the same as none.
    if (misplaced === 'states' && node.states.size === 0) return undefined
    if (misplaced !== undefined) return { key: misplaced, text: `a state of type ${type} has no '${misplaced}'` }
    if (node.parent === undefined && node.onDone !== undefined) {
      return { key: 'onDone', text: 'the machine itself ends when it is done' }
    }
    return undefined
  }

  #transition(source: StateNode, value: JsonValue, pointer: string): Transition {
    const transition = this.#readTransition(source, value, pointer)
    this.transitions.push(transition)
    if (this.transitions.length > transitionsMax) {
      this.#unsupported(pointer, `there are more than ${transitionsMax} transitions`)
    }
    return transition
  }

  #readTransition(source: StateNode, value: JsonValue, pointer: string): Transition {
    const blank = { source, pointer, targets: [], reenter: false, actions: [] }
    if (typeof value === 'string') return { ...blank, written: [value] }
    if (Array.isArray(value)) {
      // Without guards only the first could ever be taken.
      if (value.length === 1) return this.#readTransition(source, value[0] as JsonValue, child(pointer, '0'))
      this.#invalid(pointer, 'must hold one transition; without guards there is no choice between several')
    } else if (!isObject(value)) {
      this.#invalid(pointer, 'must be the name of a state, or an object')
    } else {
      return this.#fullTransition(source, value, pointer)
    }
    return { ...blank, written: undefined }
  }

  #fullTransition(source: StateNode, value: JsonObject, pointer: string): Transition {
    let written: readonly string[] | undefined
    let reenter = false
    let actions: readonly string[] = []
    for (const key of Object.keys(value)) {
      const at = child(pointer, key)
      const part = value[key] as JsonValue
      if (key === 'target') written = this.#strings(part, at)
      else if (key === 'actions') actions = this.#actions(part, at)
      else if (key === 'reenter') {
        if (typeof part !== 'boolean') this.#invalid(at, 'must be true or false')
        reenter = part === true
      } else this.#remark(key, part, at, false)
    }
    return { source, pointer, written, targets: [], reenter, actions }
  }

  #actions(value: JsonValue, pointer: string): readonly string[] {
    if (isObject(value) || (Array.isArray(value) && value.some(isObject))) {
      this.#unsupported(pointer, 'actions are names, which are only reported')
      return []
    }
    const names = this.#strings(value, pointer)
    // XState's own actions have such names, and would be taken for timers.
    if (names.some((name) => name.startsWith('xstate.')))
      this.#invalid(pointer, "names beginning 'xstate.' are reserved")
    return names
  }

  /** One string, or an array of different ones. */
  #strings(value: JsonValue, pointer: string): readonly string[] {
    const all = Array.isArray(value) ? value : [value]
    const strings = all.filter((item) => typeof item === 'string' && item.length > 0) as string[]
    if (all.length === 0 || strings.length < all.length || new Set(strings).size < strings.length) {
      this.#invalid(pointer, 'must be a string that is not empty, or an array of different ones')
    }
    return strings
  }

  #each(value: JsonValue, pointer: string, read: (key: string, value: JsonValue, pointer: string) => void): void {
    if (!isObject(value)) return this.#invalid(pointer, 'must be an object')
    for (const key of Object.keys(value)) {
      if (this.problem !== undefined) return
      read(key, value[key] as JsonValue, child(pointer, key))
    }
  }

  #id(value: JsonValue | undefined, pointer: string): string {
    const problem = stateNameProblem(value, 'id')
    if (problem !== undefined) this.#invalid(pointer, problem)
    return typeof value === 'string' ? value : ''
  }

  #unsupported(path: string, reason: string): void {
    this.problem ??= { code: 'UNSUPPORTED', path, reason }
  }

  #invalid(path: string, reason: string): void {
    this.problem ??= { code: 'INVALID_DEFINITION', path, reason }
  }
}

const placedKeys = ['initial', 'states', 'history', 'target', 'on', 'after', 'onDone', 'entry', 'exit'] as const

const allowedKeys: Readonly<Record<StateType, readonly string[]>> = {
  atomic: ['on', 'after', 'entry', 'exit'],
  compound: ['initial', 'states', 'on', 'after', 'onDone', 'entry', 'exit'],
  parallel: ['states', 'on', 'after', 'onDone', 'entry', 'exit'],
  final: ['entry', 'exit'],
  history: ['history', 'target'],
}

/** Dots and `#` mean something in targets, so that a name with them could not be told from a path. */
function stateNameProblem(name: unknown, what: string): string | undefined {
  const problem = nameProblem(name, what)
  if (problem !== undefined) return problem
  return /^#|[.\\]/.test(name as string) ? `'${what}' must not begin with '#' nor hold a dot or a backslash` : undefined
}

/** Says why `event` cannot be sent, or undefined. Machines raise the reserved events themselves. */
export function eventProblem(event: unknown): string | undefined {
  return reservedProblem(event) ?? ((event as string).includes('*') ? "an event holds no '*'" : undefined)
}

function descriptorProblem(descriptor: string): string | undefined {
  if (descriptor === '*') return undefined
  // Anywhere else a wildcard would be taken literally.
  const isPlain = !descriptor.replace(/(?<=.)\.\*$/, '').includes('*')
  return reservedProblem(descriptor) ?? (isPlain ? undefined : "'*' stands alone or behind the last dot")
}

function reservedProblem(event: unknown): string | undefined {
  const problem = nameProblem(event, 'event')
  if (problem !== undefined) return problem
  return (event as string).startsWith('xstate.') ? "events beginning 'xstate.' are reserved" : undefined
}
