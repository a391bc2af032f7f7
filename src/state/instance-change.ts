// Changes of machines: what happened to an instance, or to the definition with all instances. See change.ts, which joins
// them to the others; the same promises hold.
import { assert } from '../base/assert.ts'
import type { RecordId } from '../protocol/arguments.ts'
import type { ChangeBase } from './change.ts'
import type { InstanceContents } from './instance.ts'
import type { MachineHeader, MachineParts, MachineState } from './machine-state.ts'

/** One instance came, changed or went. A journal has to store of its past only what `before` did not have. */
export interface InstanceChange extends ChangeBase {
  readonly subject: 'instance'
  readonly type: 'created' | 'updated' | 'deleted'
  readonly id: RecordId
  readonly order: number
  readonly before: InstanceContents | undefined
  readonly after: InstanceContents | undefined
  /** Present on a transition: what was sent, or the reserved name of the timer that fired. */
  readonly event?: string
  /** Present where the write also moved the counters. */
  readonly header?: { readonly before: MachineHeader; readonly after: MachineHeader }
}

/** The machine got another definition, and its instances moved into it. */
export interface DefinitionChange extends ChangeBase {
  readonly subject: 'machine'
  readonly type: 'altered'
  readonly before: MachineParts
  readonly after: MachineParts
}

export type MachineChange = InstanceChange | DefinitionChange

export function inverseInMachine(change: MachineChange): MachineChange {
  if (change.subject === 'machine') return { ...change, before: change.after, after: change.before }
  const { before: after, after: before, header, ...same } = change
  return { ...same, before, after, ...(header && { header: { before: header.after, after: header.before } }) }
}

export function setInMachine(machine: MachineState, change: MachineChange): void {
  if (change.subject === 'machine') {
    machine.header = change.after.header
    machine.instances = change.after.instances
    return
  }
  assert(machine.get(change.id)?.contents === change.before, 'a change of an instance starts from what stands')
  if (change.header !== undefined) machine.header = change.header.after
  machine.instances.set(change.id, change.order, change.after)
}
