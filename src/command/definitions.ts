// SET_DEFINITION: another definition for a machine. Every instance is brought into it, so it is decided in steps.
// Invariant: what comes out are instances of the new definition, all of them, or nothing is altered.

import { printable } from '../protocol/envelope.ts'
import { child } from '../protocol/json-pointer.ts'
import type { JsonObject } from '../protocol/value.ts'
import { migrated } from '../state/instance.ts'
import { compileMachine, type HistoryValue, type Machine, type MachineProblem } from '../state/machine.ts'
import { Instances, type MachineHeader, type MachineState } from '../state/machine-state.ts'
import {
  type Context,
  type Deciders,
  done,
  inSteps,
  type Refuse,
  recordsPerStep,
  refuse,
  type Steps,
} from './decide.ts'

export const definitionCommands: Deciders<'SET_DEFINITION'> = {
  SET_DEFINITION(state, { definition, migrate = {}, history_limit: historyMax = state.header.historyMax }, context) {
    const machine = compileMachine(definition)
    if ('code' in machine) return definitionRefused(machine)
    const strange = Object.keys(migrate).find((old) => {
      const name = migrate[old]
      return typeof name !== 'string' || !machine.hasState(name)
    })
    if (strange !== undefined) {
      const path = printable(child('/migrate', strange))
      return refuse('INVALID_DEFINITION', { path, reason: 'must name a state of the new definition' })
    }
    const renamed = new Map(Object.entries(migrate as Record<string, string>))
    const header = { ...state.header, machine, historyMax }
    return inSteps(moveAll(state, machine, header, renamed, context), state.length)
  },
}

/** The refusal of a definition, or of a machine for a field. */
export function definitionRefused({ code, path, reason }: MachineProblem): Refuse {
  return code === 'UNSUPPORTED'
    ? refuse(code, { what: reason, path: printable(path) })
    : refuse(code, { path: printable(path), reason })
}

function* moveAll(
  state: MachineState,
  machine: Machine,
  header: MachineHeader,
  renamed: ReadonlyMap<string, string>,
  { now }: Context,
): Steps['steps'] {
  const stamp = { version: state.version + 1, at: now.wall }
  const instances = new Instances()
  for (const { id, order, contents } of state.instances.ordered.atLeast()) {
    const { value, history } = contents.configuration
    const configuration = machine.migrate(value, history as JsonObject & HistoryValue, renamed)
    if (configuration === undefined) {
      const reason = `the instance ${JSON.stringify(id)} has no state in the new definition`
      return refuse('INVALID_DEFINITION', { path: '/migrate', reason: printable(reason) })
    }
    instances.set(id, order, migrated(contents, machine, configuration, stamp))
    if (instances.cells.size % recordsPerStep === 0) yield
  }
  const before = { header: state.header, instances: state.instances }
  const after = { header, instances }
  return done({ migrated: instances.cells.size }, [
    { subject: 'machine', type: 'altered', state: state.name, ...stamp, before, after },
  ])
}
