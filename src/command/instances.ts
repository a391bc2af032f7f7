// Instances of machines: create, send events, read, list, delete. Owns nothing: reads the machine, answers with changes.
// Invariant: an instance only ever moves by a transition of its definition, and nobody sees one whose timer is overdue.
import { normalId, type RecordId } from '../protocol/arguments.ts'
import { printable } from '../protocol/envelope.ts'
import { eventProblem } from '../protocol/machine-definition.ts'
import { isIn } from '../protocol/state-value.ts'
import type { JsonObject, JsonValue } from '../protocol/value.ts'
import { deepEqual } from '../state/deep-equal.ts'
import { advance, begin, type InstanceContents, occurrences } from '../state/instance.ts'
import type { MachineState } from '../state/machine-state.ts'
import { cursorOfOrder, orderOfCursor } from './cursor.ts'
import { type Deciders, done, inSteps, recordsPerStep, refuse, type Steps } from './decide.ts'
import { InstanceEntry, instanceSizeProblem, noInstance } from './instance-rules.ts'
import { nextIdAfter } from './record-rules.ts'

type InstanceCommands =
  | 'CREATE_INSTANCE'
  | 'SEND_EVENT'
  | 'GET_INSTANCE'
  | 'LIST_INSTANCES'
  | 'GET_HISTORY'
  | 'DELETE_INSTANCE'

export const instanceCommands: Deciders<InstanceCommands> = {
  CREATE_INSTANCE(state, { id: named, context: given = {}, value }, context) {
    const { header } = state
    const id: RecordId = named === undefined ? header.nextId : normalId(named)
    if (!Number.isSafeInteger(id) && typeof id === 'number') {
      return refuse('LIMIT_EXCEEDED', { what: 'The automatic id', limit: Number.MAX_SAFE_INTEGER })
    }
    if (state.get(id) !== undefined) return refuse('INSTANCE_EXISTS', { id })
    const stamp = { version: state.version + 1, at: context.now.wall }
    const begins = value === undefined ? header.machine : header.machine.beginningAt(value)
    if (begins === undefined) return refuse('INVALID_REQUEST', { reason: "'value' is no value of the machine" })
    const after = begin(begins, given, stamp)
    const tooLarge = instanceSizeProblem(after, context)
    if (tooLarge !== undefined) return tooLarge
    const order = header.nextOrder
    const counted = { ...header, nextId: nextIdAfter(header.nextId, id), nextOrder: order + 1 }
    const step = { before: header, after: counted }
    return done({ id, value: after.configuration.value }, [
      {
        subject: 'instance',
        type: 'created',
        state: state.name,
        ...stamp,
        id,
        order,
        before: undefined,
        after,
        header: step,
      },
    ])
  },

  SEND_EVENT(state, args, context) {
    const { event, data, expected } = args
    const reason = eventProblem(event)
    if (reason !== undefined) return refuse('INVALID_REQUEST', { reason })
    const id = normalId(args.id)
    const cell = state.get(id)
    if (cell === undefined) return noInstance(id)
    const entry = new InstanceEntry(state, cell, context)
    const { configuration } = entry.contents
    const { value: from } = configuration
    if (expected !== undefined && !matches(from, expected)) return refuse('VERSION_CONFLICT', { expected, found: from })
    const { machine, historyMax } = state.header
    const step = machine.send(configuration, event)
    if (step === undefined) {
      return refuse('INVALID_TRANSITION', {
        event: printable(event),
        value: from,
        can: machine.can(configuration).slice(0, shownMax).map(printable),
      })
    }
    const happening = { event, at: context.now.wall, version: entry.nextVersion, historyMax, ...(data && { data }) }
    const after = advance(entry.contents, step, happening)
    const tooLarge = data === undefined ? undefined : instanceSizeProblem(after, context)
    if (tooLarge !== undefined) return tooLarge
    entry.put(after, event)
    return entry.done({ from, to: step.to.value, changed: step.changed })
  },

  GET_INSTANCE(state, args, context) {
    const id = normalId(args.id)
    const cell = state.get(id)
    if (cell === undefined) return noInstance(id)
    const entry = new InstanceEntry(state, cell, context)
    const { revision, createdAt, updatedAt } = entry.contents
    return entry.done({
      ...described(entry.contents),
      can: [...state.header.machine.can(entry.contents.configuration)],
      revision,
      created_at: createdAt / 1000,
      updated_at: updatedAt / 1000,
    })
  },

  LIST_INSTANCES(state, { in_state: path, limit = Number.POSITIVE_INFINITY, after }) {
    const order = orderOfCursor(after)
    if (order === undefined) return refuse('INVALID_REQUEST', { reason: "'after' is not a cursor of LIST_INSTANCES" })
    if (path !== undefined && !state.header.machine.hasState(path)) {
      return refuse('INVALID_REQUEST', { reason: "'in_state' is no state of the machine" })
    }
    // How many instances a filter makes one look at is not known beforehand.
    return inSteps(list(state, path, limit, order), path === undefined ? Math.min(limit, state.length) : state.length)
  },

  GET_HISTORY(state, args, context) {
    const id = normalId(args.id)
    const cell = state.get(id)
    if (cell === undefined) return noInstance(id)
    const entry = new InstanceEntry(state, cell, context)
    const happened = occurrences(entry.contents.past, state.header.historyMax)
    return entry.done({ history: happened.map((each) => ({ ...each, at: each.at / 1000 })) })
  },

  DELETE_INSTANCE(state, args, context) {
    const cell = state.get(normalId(args.id))
    if (cell === undefined) return done({ deleted: false })
    const entry = new InstanceEntry(state, cell, context)
    entry.put(undefined)
    return entry.done({ deleted: true })
  },
}

/** How many possible events a refusal names. */
const shownMax = 20

/** A caller expects a whole value, or names one state that is to be active. */
function matches(value: InstanceContents['configuration']['value'], expected: JsonValue): boolean {
  return typeof expected === 'string' ? isIn(value, expected) : deepEqual(value, expected)
}

function described({ configuration: { value, done: isDone }, context }: InstanceContents): JsonObject {
  return { value, context, done: isDone }
}

/** Contents never change once made, so the reply can be encoded at leisure. */
function* list(state: MachineState, path: string | undefined, limit: number, afterOrder: number): Steps['steps'] {
  const instances: JsonObject[] = []
  let last = afterOrder
  let looked = 0
  for (const { id, order, contents } of state.instances.ordered.after({ order: afterOrder })) {
    if (path === undefined || isIn(contents.configuration.value, path)) {
      if (instances.length === limit) return done({ instances, next: cursorOfOrder(last) })
      instances.push({ id, ...described(contents) })
      last = order
    }
    looked += 1
    if (looked % recordsPerStep === 0) yield
  }
  return done({ instances })
}
