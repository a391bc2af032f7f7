// What machines should do, in the simplest code that could be right: see model.ts, of which this is a part. It shares
// nothing with the engine and nothing with XState: one state is active at a time, with those that it stands in.
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type Chart, chartOf, type Memory, type Move, type Node } from './model-chart.ts'
import { idOf } from './model-ids.ts'
import { Refused } from './model-refused.ts'

type Id = number | string

interface Deadline {
  readonly event: string
  readonly at: number
}

interface ModelInstance {
  readonly id: Id
  readonly order: number
  readonly leaf: Node
  readonly memory: Memory
  readonly context: JsonObject
  /** In the order in which they were armed. */
  readonly deadlines: readonly Deadline[]
  readonly past: readonly JsonObject[]
  readonly revision: number
  readonly createdAt: number
  readonly updatedAt: number
}

export interface ModelMachine {
  readonly kind: 'machine'
  version: number
  chart: Chart
  source: JsonObject
  readonly historyMax: number
  nextId: number
  nextOrder: number
  /** In the order of their creation, as Map keeps it. */
  instances: Map<Id, ModelInstance>
}

/** The commands that the model knows on machines. */
export const machineCommands = new Set(
  `CREATE_INSTANCE SEND_EVENT GET_INSTANCE LIST_INSTANCES GET_HISTORY DELETE_INSTANCE SET_DEFINITION`.split(' '),
)

export function newMachine(version: number, { definition, history_limit: historyMax = 100 }: JsonObject): ModelMachine {
  const source = definition as JsonObject
  const counters = { nextId: 1, nextOrder: 1 }
  const chart = chartOf(source)
  return {
    kind: 'machine',
    version,
    chart,
    source,
    historyMax: historyMax as number,
    ...counters,
    instances: new Map(),
  }
}

/** What time brings about: whichever instance is due first has all its timers fired that are due, then the next one. */
export function fireTimers(machine: ModelMachine, now: number): void {
  for (;;) {
    const due = [...machine.instances.values()]
      .map((instance) => ({ id: instance.id, at: firstOf(instance)?.at ?? Number.POSITIVE_INFINITY }))
      .reduce((first, other) => (other.at < first.at ? other : first), { id: 0, at: Number.POSITIVE_INFINITY })
    if (due.at > now) return
    for (;;) {
      const instance = machine.instances.get(due.id) as ModelInstance
      const timer = firstOf(instance)
      if (timer === undefined || timer.at > now) break
      const move = machine.chart.fire(instance.leaf, instance.memory, timer.event) as Move
      const deadlines = instance.deadlines.filter((other) => other !== timer)
      moved(machine, { ...instance, deadlines }, move, { event: timer.event, now })
    }
  }
}

/** Instances whose first timers are due at one moment, all but one of each such group: nobody knows which comes first. */
export function tiedInstances(machine: ModelMachine): Id[] {
  const seen = new Set<number>()
  return [...machine.instances.values()].flatMap((instance) => {
    const at = firstOf(instance)?.at
    if (at === undefined || !seen.has(at)) {
      if (at !== undefined) seen.add(at)
      return []
    }
    return [instance.id]
  })
}

/** Runs a command whose form is good; `now` is in milliseconds. Nothing in the machine is due. */
export function runOnMachine(machine: ModelMachine, command: JsonObject, now: number): JsonObject {
  switch (command.cmd) {
    case 'CREATE_INSTANCE':
      return createInstance(machine, command, now)
    case 'LIST_INSTANCES':
      return listInstances(machine, command)
    case 'SET_DEFINITION':
      return setDefinition(machine, command, now)
    case 'DELETE_INSTANCE': {
      const deleted = machine.instances.delete(idOf(command.id) as Id)
      if (deleted) machine.version += 1
      return { deleted }
    }
    default:
      return runOnInstance(machine, command, now)
  }
}

function createInstance(machine: ModelMachine, command: JsonObject, now: number): JsonObject {
  const id = command.id === undefined ? machine.nextId : (idOf(command.id) as Id)
  if (typeof id === 'number' && !Number.isSafeInteger(id)) {
    throw new Refused('LIMIT_EXCEEDED', { what: 'The automatic id', limit: 2 ** 53 - 1 })
  }
  if (machine.instances.has(id)) throw new Refused('INSTANCE_EXISTS', { id })
  const { leaf, memory, path } = machine.chart.beginning()
  machine.version += 1
  const instance: ModelInstance = {
    id,
    order: machine.nextOrder,
    leaf,
    memory,
    context: (command.context ?? {}) as JsonObject,
    deadlines: wound([], path, now),
    past: [],
    revision: machine.version,
    createdAt: now,
    updatedAt: now,
  }
  machine.instances.set(id, instance)
  machine.nextOrder += 1
  if (typeof id === 'number') machine.nextId = Math.max(machine.nextId, id + 1)
  return { id, value: machine.chart.valueOf(leaf) }
}

function runOnInstance(machine: ModelMachine, command: JsonObject, now: number): JsonObject {
  const { chart } = machine
  const { event, expected } = command
  const isSent = command.cmd === 'SEND_EVENT'
  if (isSent && /^xstate\.|\*|^$/.test(event as string)) throw new Refused('INVALID_REQUEST')
  const id = idOf(command.id) as Id
  const instance = machine.instances.get(id)
  if (instance === undefined) throw new Refused('INSTANCE_NOT_FOUND', { id })
  const { leaf, memory } = instance
  if (command.cmd === 'GET_HISTORY') return { history: [...instance.past] }
  if (command.cmd === 'GET_INSTANCE') {
    const { revision, createdAt, updatedAt } = instance
    const can = chart.can(leaf, memory)
    return { ...shown(machine, instance), can, revision, created_at: createdAt / 1000, updated_at: updatedAt / 1000 }
  }
  if (!isSent) throw new Error(`the model does not know ${JSON.stringify(command.cmd)}`)
  const from = chart.valueOf(leaf)
  const isMet = typeof expected === 'string' ? chart.isIn(leaf, expected) : isDeepStrictEqual(expected, from)
  if (expected !== undefined && !isMet) throw new Refused('VERSION_CONFLICT', { expected, found: from })
  const move = chart.send(leaf, memory, event as string)
  if (move === undefined) {
    throw new Refused('INVALID_TRANSITION', { event: event as string, value: from, can: chart.can(leaf, memory) })
  }
  const context = { ...instance.context, ...(command.data as JsonObject | undefined) }
  moved(machine, { ...instance, context }, move, { event: event as string, now })
  return { from, to: chart.valueOf(move.leaf), changed: move.leaf !== leaf }
}

/** One change of the machine: the instance goes where the move leads. */
function moved(
  machine: ModelMachine,
  instance: ModelInstance,
  { leaf, memory, path }: Move,
  { event, now }: { event: string; now: number },
): void {
  const { chart, historyMax } = machine
  machine.version += 1
  const { version } = machine
  const happened = { from: chart.valueOf(instance.leaf), to: chart.valueOf(leaf), event, at: now / 1000, version }
  const past = [...instance.past, happened].slice(Math.max(0, instance.past.length + 1 - historyMax))
  const deadlines = wound(instance.deadlines, path, now)
  machine.instances.set(instance.id, { ...instance, leaf, memory, deadlines, past, revision: version, updatedAt: now })
}

/** The timers after states were left and entered, in this order. */
function wound(before: readonly Deadline[], path: Move['path'], now: number): readonly Deadline[] {
  return path.reduce((running, { enters, node }) => {
    const mine = new Set(node.timers.map(({ event }) => event))
    const others = running.filter(({ event }) => !mine.has(event))
    return enters ? [...others, ...node.timers.map(({ event, delayMs }) => ({ event, at: now + delayMs }))] : others
  }, before)
}

function firstOf({ deadlines }: ModelInstance): Deadline | undefined {
  return deadlines.reduce<Deadline | undefined>(
    (first, other) => (first === undefined || other.at < first.at ? other : first),
    undefined,
  )
}

function shown({ chart }: ModelMachine, { leaf, context }: ModelInstance): JsonObject {
  return { value: chart.valueOf(leaf), context, done: chart.isDone(leaf) }
}

function listInstances(machine: ModelMachine, command: JsonObject): JsonObject {
  const { in_state: path, limit = Number.POSITIVE_INFINITY, after = '0' } = command
  const { chart } = machine
  if (path !== undefined && chart.stateAt(path as string) === undefined) throw new Refused('INVALID_REQUEST')
  const rest = [...machine.instances.values()].filter(
    ({ order, leaf }) => order > Number(after) && (path === undefined || chart.isIn(leaf, path as string)),
  )
  const page = rest.slice(0, limit as number)
  const instances = page.map((instance) => ({ id: instance.id, ...shown(machine, instance) }))
  return { instances, ...(page.length < rest.length && { next: String(page.at(-1)?.order) }) }
}

function setDefinition(machine: ModelMachine, { definition, migrate = {} }: JsonObject, now: number): JsonObject {
  const chart = chartOf(definition as JsonObject)
  const renamed = migrate as JsonObject
  for (const [old, name] of Object.entries(renamed)) {
    if (typeof name !== 'string' || chart.stateAt(name) === undefined) {
      throw new Refused('INVALID_DEFINITION', { path: `/migrate/${old}` })
    }
  }
  const version = machine.version + 1
  const next = new Map<Id, ModelInstance>()
  for (const [id, instance] of machine.instances) {
    const found = chart.stateAt(successor(instance.leaf.path, renamed))
    if (found === undefined) throw new Refused('INVALID_DEFINITION', { path: '/migrate' })
    const leaf = chart.leafOf(found)
    const memory: Record<string, string> = {}
    for (const [place, held] of Object.entries(instance.memory)) {
      const [newPlace, newHeld] = [successor(place, renamed), successor(held, renamed)]
      if (chart.canRemember(newPlace, newHeld)) memory[newPlace] = newHeld
    }
    const deadlines = chart
      .timersAt(leaf)
      .map(
        ({ event, delayMs }) => instance.deadlines.find((old) => old.event === event) ?? { event, at: now + delayMs },
      )
    next.set(id, { ...instance, leaf, memory, deadlines, revision: version, updatedAt: now })
  }
  Object.assign(machine, { version, chart, source: definition as JsonObject, instances: next })
  return { migrated: next.size }
}

/** What a path is called now, by the longest part of it, from its beginning, that was renamed. */
function successor(path: string, renamed: JsonObject): string {
  const keys = path.split('.')
  for (let length = keys.length; length > 0; length -= 1) {
    const name: JsonValue | undefined = renamed[keys.slice(0, length).join('.')]
    if (name !== undefined) return [name as string, ...keys.slice(length)].join('.')
  }
  return path
}
