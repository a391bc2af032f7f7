// A machine in the simulation: random commands on it, and what its callers were told held against what its journal holds.
// Nothing here counts on an order of events: only what was committed is the truth.
import { expect } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { InstanceChange } from '../../src/state/instance-change.ts'
import type { Store } from './keeping-journal.ts'

export const machineName = 'm'

export const createMachine: JsonObject = {
  cmd: 'CREATE_STATE',
  state: machineName,
  kind: 'machine',
  definition: {
    initial: 'open',
    states: {
      open: { on: { GO: 'busy' }, after: { 500: 'idle' } },
      busy: { on: { GO: 'open', STAY: { target: 'busy', reenter: true } }, after: { 200: 'open', 350: 'idle' } },
      idle: { on: { GO: 'busy', STAY: { actions: 'ring' } } },
    },
  },
}

export function randomMachineCommand(random: (below: number) => number, tag: number): JsonObject {
  const id = random(4) + 1
  const kinds: JsonObject[] = [
    { cmd: 'CREATE_INSTANCE', id, context: { tag } },
    { cmd: 'SEND_EVENT', id, event: 'GO', data: { tag } },
    { cmd: 'SEND_EVENT', id, event: 'GO', data: { tag } },
    { cmd: 'SEND_EVENT', id, event: 'STAY', data: { tag } },
    { cmd: 'GET_INSTANCE', id },
    { cmd: 'LIST_INSTANCES' },
    ...(random(8) === 0 ? [{ cmd: 'DELETE_INSTANCE', id }] : []),
  ]
  return { state: machineName, ...kinds[random(kinds.length)] }
}

interface Answered {
  readonly command: JsonObject
  readonly reply: JsonObject
}

/** Returns how many timers fired. `now` is the time at the end. */
export function expectMachineTruth(all: readonly Answered[], store: Store, now: number, where: string): number {
  const changes = store.commits.flatMap((commit) =>
    commit.changes.filter((change): change is InstanceChange => change.subject === 'instance'),
  )
  const told = all.filter(({ command, reply }) => command.state === machineName && reply.status === 'ok')
  for (const { command, reply } of told) {
    if (command.cmd === 'CREATE_STATE' || reply.deleted === false) continue
    const made = changes.find(({ version }) => version === reply.version)
    if (command.cmd === 'SEND_EVENT') {
      expect(made, `${where}: ${JSON.stringify(reply)} is in the journal`).toMatchObject({ id: command.id })
      expect(made?.after?.context, where).toEqual(command.data)
      expect(made?.after?.past?.newest, where).toMatchObject({ event: command.event, from: reply.from, to: reply.to })
    } else if (command.cmd === 'GET_INSTANCE' || command.cmd === 'LIST_INSTANCES') {
      const standing = standingAt(reply.version as number, changes, command.id)
      if (typeof reply.revision === 'number' && reply.revision > (reply.version as number)) {
        // The journal refused: what a timer that is due brings about is shown, and comes to be another time.
        expect(standing[0]?.timers, where).toBeGreaterThan(0)
      } else expect(shownIn(reply, command), where).toEqual(standing.map(({ timers: _, ...rest }) => rest))
    } else {
      expect(made, where).toMatchObject({
        id: command.id,
        type: command.cmd === 'CREATE_INSTANCE' ? 'created' : 'deleted',
      })
    }
  }
  const fired = changes.filter(({ after }) => after?.past?.newest.event.startsWith('xstate.after.'))
  const byTimer = fired.filter(({ version, after }) => after?.past?.newest.version === version)
  for (const { before, after, at } of byTimer) {
    const due = before?.deadlines.get(after?.past?.newest.event ?? '')
    expect(due, `${where}: a timer that fires was running, and is due`).toBeLessThanOrEqual(at)
  }
  const standing = new Map(changes.map((change) => [change.id, change.after]))
  const deadlines = [...standing.values()].flatMap((after) => [...(after?.deadlines.values() ?? [])])
  expect(
    deadlines.filter((at) => at <= now),
    `${where}: nothing due is left`,
  ).toEqual([])
  return byTimer.length
}

function shownIn(reply: JsonObject, { id }: JsonObject): unknown {
  if (id !== undefined) return [{ id, value: reply.value, context: reply.context }]
  return (reply.instances as JsonObject[]).map(({ id: each, value, context }) => ({ id: each, value, context }))
}

/** What stood at a version, in the order of creation; only the instance `id`, where it is given. */
function standingAt(version: number, changes: readonly InstanceChange[], id: unknown) {
  const latest = new Map<unknown, InstanceChange>()
  for (const change of changes) if (change.version <= version) latest.set(change.id, change)
  return [...latest.values()]
    .filter((change) => change.after !== undefined && (id === undefined || change.id === id))
    .sort((a, b) => a.order - b.order)
    .map(({ id: each, after }) => ({
      id: each,
      value: after?.configuration.value,
      context: after?.context,
      timers: after?.deadlines.size,
    }))
}
