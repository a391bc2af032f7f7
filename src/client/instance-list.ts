// The instances of a machine as a list that is read page by page.
import type { RecordId } from '../protocol/arguments.ts'
import type { StateValue } from '../protocol/state-value.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Caller } from './caller.ts'
import { given } from './given.ts'
import { type ListOptions, PagedList } from './paged-list.ts'

export interface InstanceListOptions<State extends string = string> extends ListOptions {
  /** Only instances in which the state of this path is active. Default: all. */
  readonly inState?: State | undefined
}

export interface ListedInstance<Context, State extends string = string> {
  readonly id: RecordId
  readonly value: StateValue<State>
  readonly context: Context
  readonly done: boolean
}

export interface InstancePage<Context, State extends string = string> {
  readonly instances: readonly ListedInstance<Context, State>[]
  /** The version of the machine at the moment that this page shows. */
  readonly version: number
}

/**
 * `for await (const instance of machine.list())` reads instance by instance, `for await (const page of
 * machine.list().pages())` page by page, in the order of their creation. Instances that are there all the time, and in
 * that state if one is named, come exactly once, whatever happens meanwhile.
 */
export class InstanceList<Context, State extends string = string> extends PagedList<
  ListedInstance<Context, State>,
  InstancePage<Context, State>
> {
  constructor(caller: Caller, machine: string, { inState, ...options }: InstanceListOptions<State>) {
    const args = given({ in_state: inState })
    const itemsOf = ({ instances }: InstancePage<Context, State>) => instances
    super({ caller, command: 'LIST_INSTANCES', state: machine, args, pageOf, itemsOf }, options)
  }
}

function pageOf<Context, State extends string>({ instances, version }: JsonObject): InstancePage<Context, State> {
  return { instances: instances as unknown as ListedInstance<Context, State>[], version: version as number }
}
