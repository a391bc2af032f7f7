// Snapshots over two simulated shards (simulation.ts) that die, refuse and lose their answers, while all kinds of states are
// written to: what is restored has to be what the shards held at the cut, and a restore happens everywhere or nowhere.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import type { Moment } from '../../src/shard/cuts.ts'
import type { State } from '../../src/state/directory.ts'
import { occurrences } from '../../src/state/instance.ts'
import { settled } from './shard-harness.ts'
import { namesOnShard } from './shards.ts'
import { Simulation } from './simulation.ts'

const shards = 2
const namesOf = (prefix: string): string[] =>
  Array.from({ length: shards }, (_, shard) => namesOnShard(shard, shards, 1, prefix)).flat()
const tables = namesOf('table')
const keyspaces = namesOf('keys')
const machines = namesOf('machine')
const definition = {
  initial: 'red',
  states: { red: { on: { GO: 'green' } }, green: { on: { STOP: 'red' }, after: { '9000000000': 'red' } } },
}

export interface SnapshotCounts {
  created: number
  restored: number
  refused: number
  unknown: number
  deaths: number
}

function missing(key: string): never {
  throw new Error(`the key ${key} is listed and not there`)
}

/** All that a state holds, but for versions. */
function shown(state: State): JsonValue {
  if (state.kind === 'table') {
    const { fields, maxLength } = state.header
    return [
      [...(fields ?? [])],
      maxLength,
      ...Array.from(state.records.ordered.atLeast(), (cell) => cell.contents.record),
    ]
  }
  if (state.kind === 'keys') {
    return state.keys.names.range().map((key) => {
      const { value, list, encoding, expiresAt } = state.keys.cells.get(key)?.contents ?? missing(key)
      const leases = list?.leases().map(({ token, item }) => [token, item.value]) ?? null
      return [key, list?.values() ?? value, leases, encoding ?? null, expiresAt] as JsonValue
    })
  }
  return Array.from(state.instances.ordered.atLeast(), ({ id, contents }) => {
    const { configuration, context, deadlines, past } = contents
    const events = occurrences(past, past?.length ?? 0).map(({ event, at }) => [event, at])
    return [id, configuration.value, context, [...deadlines], events] as JsonValue
  })
}

function shownAll({ directory }: Moment): Record<string, JsonValue> {
  return Object.fromEntries(Array.from(directory.states(), (state) => [state.name, shown(state)]))
}

function writeTo(random: (below: number) => number, number: number): JsonObject {
  const table = tables[random(shards)] as string
  const keys = keyspaces[random(shards)] as string
  const machine = machines[random(shards)] as string
  const rows = (): JsonValue[] => Array.from({ length: 1_020 + random(40) }, (_, n) => ({ n: n * number }))
  switch (random(14)) {
    case 0:
      return { cmd: 'SET_STATE', state: table, data: random(3) === 0 ? rows() : [{ n: number }] }
    case 1:
      return { cmd: 'DELETE_RECORD', state: table, id: 1 + random(40) }
    case 2:
    case 3:
      return { cmd: 'SET_RECORD', state: table, id: 1 + random(1_100), data: { n: number } }
    case 4:
      return { cmd: 'PUSH_LIST', state: keys, key: 'list', item: number, ...(random(2) === 0 && { end: 'first' }) }
    case 5:
      return { cmd: 'POP_LIST', state: keys, key: 'list', ...(random(2) === 0 && { lease: 1_000_000 }) }
    case 6:
      return {
        cmd: 'SET_KEY',
        state: keys,
        key: `k${random(20)}`,
        value: number,
        ...(random(3) === 0 && { ttl: 9_000_000 }),
      }
    case 7:
      return { cmd: 'DELETE_KEY', state: keys, key: `k${random(20)}` }
    case 8:
      return { cmd: 'CLEAR_KEYS', state: keys }
    case 9:
      return { cmd: 'SET_KEY', state: keys, key: 'list', value: Array.from({ length: random(1_300) }, (_, n) => n) }
    case 10:
      return { cmd: 'SEND_EVENT', state: machine, id: 1, event: random(2) === 0 ? 'GO' : 'STOP', data: { number } }
    case 11:
      return { cmd: 'CREATE_INSTANCE', state: machine, context: { number } }
    case 12:
      return random(4) === 0
        ? { cmd: 'DELETE_STATE', state: keys }
        : { cmd: 'ALTER_STATE', state: table, max_length: 2_000 + random(100) }
    default: {
      const [from, to] = random(2) === 0 ? keyspaces : [...keyspaces].reverse()
      const move = (state: string | undefined, by: number) => ({
        cmd: 'INCREMENT_KEY',
        state: state as string,
        key: 'balance',
        by,
      })
      return { cmd: 'TRANSACTION', ops: [move(from, -3), move(to, 3)] }
    }
  }
}

/** State by state, so that a failure stays readable. */
function compare(found: Record<string, JsonValue>, expected: Record<string, JsonValue>, what: string): void {
  deepStrictEqual(Object.keys(found).sort(), Object.keys(expected).sort(), what)
  for (const [state, holds] of Object.entries(expected)) {
    const [is, was] = [JSON.stringify(found[state]), JSON.stringify(holds)]
    ok(is === was, `${what}, in ${state}:\n${is?.slice(0, 600)}\n${was?.slice(0, 600)}`)
  }
}

/** One run of this seed; throws where a promise is broken. */
export async function simulateSnapshots(seed: number): Promise<SnapshotCounts> {
  const where = `seed ${seed}`
  const atCut = new Map<string, Record<string, JsonValue>>()
  const simulation = new Simulation(seed, {
    shards,
    limits: { requestDeadlineMs: 20_000, snapshotsMax: 3 },
    cuts: { look: (_: JsonObject, moment: Moment, answer) => answer({ status: 'ok', shown: shownAll(moment) }) },
    onCut: ({ cut, label }, moment) => {
      if (cut !== 'snapshot') return
      atCut.set(label as string, structuredClone({ ...atCut.get(label as string), ...shownAll(moment) }))
    },
  })
  const { random } = simulation
  const counts: SnapshotCounts = { created: 0, restored: 0, refused: 0, unknown: 0, deaths: 0 }
  const run = async (command: JsonObject): Promise<JsonObject> => {
    const replies = simulation.call(command)
    for (let round = 0; replies.length === 0 && round < 40; round += 1) {
      await simulation.settle()
      if (replies.length === 0) simulation.advance(1_000)
    }
    await simulation.settle()
    strictEqual(replies.length, 1, `${where}: one answer to ${JSON.stringify(command).slice(0, 100)}`)
    return replies[0] as JsonObject
  }
  const look = async (): Promise<Record<string, JsonValue>> => {
    let found: Record<string, JsonValue> | undefined
    const take = async (): Promise<void> => {
      const answers = await simulation.router.cuts.take({ cut: 'look' })
      // What transactions have left open takes its time to be brought to its end.
      if ('code' in answers) return take()
      found = structuredClone(Object.assign({}, ...answers.map((answer) => answer.shown))) as typeof found
    }
    void take()
    for (let round = 0; found === undefined && round < 40; round += 1) {
      await simulation.settle()
      if (found === undefined) simulation.advance(1_000)
    }
    ok(found !== undefined, `${where}: all shards come back`)
    return found
  }
  simulation.faults = false
  await settled()
  for (const state of tables) await run({ cmd: 'CREATE_STATE', state })
  for (const state of machines) {
    await run({ cmd: 'CREATE_STATE', state, kind: 'machine', definition, history_limit: 5 })
    await run({ cmd: 'CREATE_INSTANCE', state })
  }
  for (const state of keyspaces) await run({ cmd: 'SET_KEY', state, key: 'balance', value: 100 })
  const made = new Map<string, Record<string, JsonValue>>()
  for (let round = 0; round < 3; round += 1) {
    simulation.faults = true
    // Under load, with a snapshot in the middle.
    const label = `${where} ${round}`
    let creating: JsonObject[] | undefined
    for (let number = 1; number <= 60; number += 1) {
      simulation.call(writeTo(random, number))
      if (number === 30) creating = simulation.call({ cmd: 'CREATE_SNAPSHOT', label })
      for (let steps = random(16); steps > 0; steps -= 1) await simulation.scheduler.step()
    }
    simulation.faults = random(2) === 0
    for (let tries = 0; creating?.length === 0 && tries < 60; tries += 1) {
      await simulation.settle()
      simulation.advance(1_000)
    }
    simulation.faults = false
    await simulation.settle()
    strictEqual(creating?.length, 1, `${where}: one answer to the creation`)
    const created = creating?.[0] as JsonObject
    const { snapshots } = await run({ cmd: 'LIST_SNAPSHOTS' })
    const stands = (snapshots as JsonObject[]).some((each) => each.label === label)
    if (created.status === 'ok') strictEqual(stands, true, `${where}: what was made is there`)
    else if (created.code !== 'OUTCOME_UNKNOWN') strictEqual(stands, false, `${where}: ${JSON.stringify(created)}`)
    if (stands) made.set(label, atCut.get(label) as Record<string, JsonValue>)
    counts[stands ? 'created' : 'refused'] += 1
    // Restored while shards fail: all of it, or nothing.
    const wanted = [...made.keys()].at(-1 - random(made.size))
    if (wanted === undefined) continue
    const before = await look()
    simulation.faults = true
    const restoring = simulation.call({ cmd: 'RESTORE_SNAPSHOT', label: wanted })
    for (let tries = 0; restoring.length === 0 && tries < 60; tries += 1) {
      await simulation.settle()
      simulation.advance(500)
    }
    simulation.faults = false
    for (let tries = 0; tries < 6; tries += 1) {
      await simulation.settle()
      simulation.advance(2_000)
    }
    const [restored] = restoring
    const after = await look()
    const cut = made.get(wanted) as Record<string, JsonValue>
    const expected = { ...before, ...cut }
    const told = JSON.stringify(restored)
    if (restored?.status === 'ok') {
      compare(after, expected, `${where}: what is restored is what stood at the cut`)
      counts.restored += 1
    } else if (restored?.code === 'OUTCOME_UNKNOWN') {
      counts.unknown += 1
      const isNone = JSON.stringify(after) === JSON.stringify(before)
      if (!isNone) compare(after, expected, `${where}: all or nothing: ${told}`)
    } else {
      counts.refused += 1
      compare(after, before, `${where}: nothing is restored: ${told}`)
    }
  }
  // What nobody asks for any more goes with the next commit, and what belongs to no snapshot with the next one.
  for (const state of keyspaces) await run({ cmd: 'SET_KEY', state, key: 'end', value: 1 })
  await run({ cmd: 'CREATE_SNAPSHOT', label: 'last' })
  const { snapshots } = await run({ cmd: 'LIST_SNAPSHOTS' })
  simulation.advance(2_000)
  await simulation.settle()
  for (const store of simulation.stores) {
    const parts = [...store.kept.values()].filter(({ table }) => table === 'parts')
    strictEqual(parts.length, (snapshots as JsonObject[]).length, `${where}: no part is left over`)
    const open = [...store.kept.values()].filter(({ table }) => table === 'prepared' || table === 'decided')
    deepStrictEqual(open, [], `${where}: nothing is undecided`)
  }
  counts.deaths = simulation.deaths
  return counts
}
