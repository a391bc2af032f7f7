// A machine as a durable driver would store it: the definition's text, a row for each instance without what is made of the
// definition, and one for each occurrence. It is written from the changes alone, and a machine is made of it again.
import type { RecordId } from '../../src/protocol/arguments.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { type InstanceContents, type Occurrence, occurrences, type Past } from '../../src/state/instance.ts'
import type { MachineChange } from '../../src/state/instance-change.ts'
import { compileMachine, type Machine } from '../../src/state/machine.ts'
import { Instances, type MachineHeader, type MachineParts } from '../../src/state/machine-state.ts'

interface StoredInstance {
  readonly id: RecordId
  readonly order: number
  /** As text, so that nothing is shared with the shard that wrote it. */
  readonly row: string
  readonly occurrences: string[]
}

export class StoredMachine {
  version: number
  #header: string
  readonly #rows = new Map<RecordId, StoredInstance>()

  constructor(version: number, header: MachineHeader) {
    this.version = version
    this.#header = headerText(header)
  }

  keep(change: MachineChange): void {
    if (change.version !== this.version + 1) throw new Error(`${change.state} skips from version ${this.version}`)
    this.version = change.version
    if (change.subject === 'machine') {
      this.#header = headerText(change.after.header)
      for (const { id, order, contents } of change.after.instances.ordered.atLeast()) {
        this.#rows.set(id, { id, order, row: rowText(contents), occurrences: this.#rows.get(id)?.occurrences ?? [] })
      }
      return
    }
    if (change.header !== undefined) this.#header = headerText(change.header.after)
    const { id, order, before, after } = change
    if (after === undefined) {
      this.#rows.delete(id)
      return
    }
    const occurrences = this.#rows.get(id)?.occurrences ?? []
    if (after.past !== undefined && after.past !== before?.past) occurrences.push(JSON.stringify(after.past.newest))
    this.#rows.set(id, { id, order, row: rowText(after), occurrences })
  }

  /** Takes what a restore has put in place. */
  fill({ ordered }: Instances): void {
    for (const { id, order, contents } of ordered.atLeast()) {
      const past = occurrences(contents.past, contents.past?.length ?? 0)
      this.#rows.set(id, { id, order, row: rowText(contents), occurrences: past.map((each) => JSON.stringify(each)) })
    }
  }

  recovered(): MachineParts {
    const { source, ...counters } = JSON.parse(this.#header) as { source: JsonObject } & Omit<MachineHeader, 'machine'>
    const machine = compileMachine(source)
    if ('code' in machine) throw new Error('a stored definition is not one')
    const instances = new Instances()
    for (const { id, order, row, occurrences } of this.#rows.values()) {
      instances.set(id, order, contentsOf(row, occurrences, machine))
    }
    return { header: { ...counters, machine }, instances }
  }
}

function headerText({ machine, ...counters }: MachineHeader): string {
  return JSON.stringify({ ...counters, source: machine.source })
}

function rowText({ configuration: { value, history }, deadlines, past: _, ...rest }: InstanceContents): string {
  return JSON.stringify({ ...rest, value, history, deadlines: [...deadlines] })
}

interface Row extends Omit<InstanceContents, 'configuration' | 'deadlines' | 'past'> {
  readonly value: JsonValue
  readonly history: JsonValue
  readonly deadlines: [string, number][]
}

function contentsOf(row: string, occurrences: readonly string[], machine: Machine): InstanceContents {
  const { value, history, deadlines, ...rest } = JSON.parse(row) as Row
  const configuration = machine.restore(value, history)
  if (configuration === undefined) throw new Error('a stored value is none of its definition')
  const past = occurrences.reduce<Past | undefined>((before, text) => {
    const newest = JSON.parse(text) as Occurrence
    return { newest, before, length: (before?.length ?? 0) + 1 }
  }, undefined)
  return { ...rest, configuration, past, deadlines: new Map(deadlines) }
}
