// One machine, with methods instead of commands. It knows its name and who runs its commands, and keeps nothing else: any
// number of these may stand for the same machine.
import type { RecordId } from '../protocol/arguments.ts'
import { refusal } from '../protocol/errors.ts'
import { isIn, type StateValue } from '../protocol/state-value.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { CallOptions } from './caller.ts'
import { errorOfRefusal } from './error.ts'
import type { WriteCallOptions } from './fence.ts'
import { given } from './given.ts'
import { InstanceList, type InstanceListOptions } from './instance-list.ts'
import { dateOf } from './key-values.ts'
import type { JsonFields } from './rows.ts'
import { deletedOf, nothing, StateHandle, whole } from './state-handle.ts'

export interface DefineOptions extends WriteCallOptions {
  /** How many transitions each instance remembers, at most 1,000. Default: 100. */
  readonly historyLimit?: number | undefined
}

export interface RedefineOptions extends DefineOptions {
  /** By the path of an old state that is gone, the path of the one in its place. */
  readonly migrate?: Readonly<Record<string, string>> | undefined
}

export interface SendOptions<State extends string = string> extends WriteCallOptions {
  /** The path of a state that has to be active now, or the whole value. */
  readonly expected?: StateValue<State> | undefined
}

export interface Transition<State extends string = string> {
  readonly from: StateValue<State>
  readonly to: StateValue<State>
  /** Whether other states are active than before. */
  readonly changed: boolean
}

export interface Instance<Context, State extends string = string, Event extends string = string> {
  /** The active states: the name of one, or an object where states are nested or parallel. */
  readonly value: StateValue<State>
  readonly context: Context
  /** Whether it has come to its end. */
  readonly done: boolean
  /** The events that are possible now, sorted; a wildcard stands for all that it matches. */
  readonly can: readonly Event[]
  /** The version of the machine at the last change of this instance. */
  readonly revision: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** One transition that an instance has made. */
export interface Occurrence<State extends string = string> {
  readonly from: StateValue<State>
  readonly to: StateValue<State>
  /** What was sent; of a timer, a name that begins with `xstate.`. */
  readonly event: string
  readonly at: Date
  /** The version of the machine after it. */
  readonly version: number
}

/** What an instance is created with. A context that has to have fields cannot be left out. */
export type NewInstance<Context> =
  Record<never, never> extends Context
    ? [id?: RecordId, context?: Context, options?: WriteCallOptions]
    : [id: RecordId | undefined, context: Context, options?: WriteCallOptions]

/**
 * A machine whose instances have a context of type `Context`, states with paths of type `State`, and events of type
 * `Event`. Every method rejects with a `HoldfastError` if it is refused: besides what is said below, `STATE_NOT_FOUND`
 * where the machine is not defined, and `INSTANCE_NOT_FOUND` where it has no instance of that id.
 */
export class Machine<
  Context extends JsonFields<Context> = JsonObject,
  State extends string = string,
  Event extends string = string,
> extends StateHandle {
  /**
   * Creates the machine by its definition, in XState's JSON form, without instances. `STATE_EXISTS` if there is a state of
   * this name, `INVALID_DEFINITION` or `UNSUPPORTED`, with a `path`, where the definition cannot be kept.
   */
  define(definition: JsonObject, { historyLimit, ...options }: DefineOptions = {}): Promise<void> {
    const args = given({ kind: 'machine', definition, history_limit: historyLimit })
    return this.run('CREATE_STATE', args, nothing, options)
  }

  /**
   * Gives the machine another definition and moves all instances into it, in one step; resolves to their number. If one
   * of them has no place in it, nothing is changed: `INVALID_DEFINITION`.
   */
  redefine(definition: JsonObject, { historyLimit, migrate, ...options }: RedefineOptions = {}): Promise<number> {
    const args = given({ definition, history_limit: historyLimit, migrate })
    return this.run('SET_DEFINITION', args, migratedOf, options)
  }

  /** The definition as it was given. `WRONG_KIND` if this is no machine. */
  async definition(options?: CallOptions): Promise<JsonObject> {
    const { kind, definition } = await this.run('GET_STATE_INFO', {}, whole, options)
    if (definition !== undefined) return definition as JsonObject
    throw errorOfRefusal(refusal('WRONG_KIND', { state: this.name, kind: kind as string, expected: 'machine' }))
  }

  /** Deletes the machine with all its instances. */
  drop(options?: WriteCallOptions): Promise<void> {
    return this.run('DELETE_STATE', {}, nothing, options)
  }

  /** Adds an instance, in the initial state, and resolves to its id: this one, or the next. `INSTANCE_EXISTS` if it is taken. */
  create(...[id, context, options]: NewInstance<Context>): Promise<RecordId> {
    return this.run('CREATE_INSTANCE', given({ id, context: context as JsonObject | undefined }), idOf, options)
  }

  /**
   * Sends an event. If it is possible now, `data` goes over the fields of the context; otherwise `INVALID_TRANSITION`,
   * with the possible events as `can` in its details. `VERSION_CONFLICT` where another state than the expected is active.
   */
  send(
    id: RecordId,
    event: Event,
    data?: Partial<Context>,
    { expected, ...options }: SendOptions<State> = {},
  ): Promise<Transition<State>> {
    const args = given({ id, event, data: data as JsonObject | undefined, expected })
    return this.run('SEND_EVENT', args, transitionOf<State>, options)
  }

  /** Reads an instance. */
  get(id: RecordId, options?: CallOptions): Promise<Instance<Context, State, Event>> {
    return this.run('GET_INSTANCE', { id }, instanceOf<Context, State, Event>, options)
  }

  /** The events that are possible now, sorted; a wildcard stands for all that it matches. None once it is done. */
  can(id: RecordId, options?: CallOptions): Promise<Event[]> {
    return this.run('GET_INSTANCE', { id }, canOf<Event>, options)
  }

  /** Whether the state of this path, `processing` or `processing.reading`, is active. */
  is(id: RecordId, state: State, options?: CallOptions): Promise<boolean> {
    return this.run('GET_INSTANCE', { id }, ({ value }) => isIn(value as StateValue, state), options)
  }

  /** The transitions of an instance, the newest last, as far back as they are remembered. */
  history(id: RecordId, options?: CallOptions): Promise<Occurrence<State>[]> {
    return this.run('GET_HISTORY', { id }, historyOf<State>, options)
  }

  /**
   * Reads the instances in the order of their creation, page by page, so that there may be any number of them.
   * `INVALID_REQUEST` if `inState` is no state of the machine.
   */
  list(options: InstanceListOptions<State> = {}): InstanceList<Context, State> {
    return new InstanceList<Context, State>(this.caller, this.name, options)
  }

  /** Removes an instance. Resolves to false if there is none of this id. */
  delete(id: RecordId, options?: WriteCallOptions): Promise<boolean> {
    return this.run('DELETE_INSTANCE', { id }, deletedOf, options)
  }
}

// What a method makes of the reply. Functions of their own, so that a call does not have to make one.

function migratedOf(reply: JsonObject): number {
  return reply.migrated as number
}

function idOf(reply: JsonObject): RecordId {
  return reply.id as RecordId
}

function transitionOf<State extends string>({ from, to, changed }: JsonObject): Transition<State> {
  return { from: from as StateValue<State>, to: to as StateValue<State>, changed: changed as boolean }
}

function canOf<Event extends string>({ can }: JsonObject): Event[] {
  return can as Event[]
}

function instanceOf<Context, State extends string, Event extends string>(
  reply: JsonObject,
): Instance<Context, State, Event> {
  return {
    value: reply.value as StateValue<State>,
    context: reply.context as Context,
    done: reply.done as boolean,
    can: reply.can as Event[],
    revision: reply.revision as number,
    createdAt: dateOf(reply.created_at as number),
    updatedAt: dateOf(reply.updated_at as number),
  }
}

function historyOf<State extends string>({ history }: JsonObject): Occurrence<State>[] {
  return (history as JsonObject[]).map(({ from, to, event, at, version }) => ({
    from: from as StateValue<State>,
    to: to as StateValue<State>,
    event: event as string,
    at: dateOf(at as number),
    version: version as number,
  }))
}
