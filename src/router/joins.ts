// How the answers of all shards become one reply, command by command.
import { slowLogEntriesDefault } from '../protocol/administration-commands.ts'
import type { CommandName } from '../protocol/commands.ts'
import { detailOfRouter, type RouterFigures } from '../protocol/detailed-statistics.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { Join } from './fan-out.ts'

/** What the router itself adds to STATS. */
export interface RouterFacts {
  readonly uptimeSeconds: number
  readonly instance: number
  readonly durability: string
}

export function joinsOf(facts: () => RouterFacts, figures: () => RouterFigures): Partial<Record<CommandName, Join>> {
  return {
    LIST_STATES: joinNames,
    LIST_LOCKS: joinLocks,
    STATS: (answers, { detail }) => ({
      ...joinStatistics(answers, facts()),
      ...(detail === true && detailOfRouter(figures())),
    }),
    SLOWLOG: joinSlowLogs,
  }
}

/** Every shard answered with its names in order, one more than asked for if it has them. */
const joinNames: Join = (answers, { limit }) => {
  const states = answers.flatMap((answer) => answer.states as string[]).sort(byBytes)
  if (typeof limit !== 'number' || states.length <= limit) return { status: 'ok', states }
  const page = states.slice(0, limit)
  return { status: 'ok', states: page, next: page.at(-1) as string }
}

/** As with names. */
const joinLocks: Join = (answers, { limit }) => {
  const locks = answers
    .flatMap((answer) => answer.locks as { lock: string }[])
    .sort((one, other) => byBytes(one.lock, other.lock))
  if (typeof limit !== 'number' || locks.length <= limit) return { status: 'ok', locks }
  const page = locks.slice(0, limit)
  return { status: 'ok', locks: page, next: page.at(-1)?.lock as string }
}

/** Every shard answered with as many entries as were asked for, the newest first. */
const joinSlowLogs: Join = (answers, { limit = slowLogEntriesDefault }) => {
  const entries = answers
    .flatMap((answer) => answer.entries as { at: number }[])
    .sort((one, other) => other.at - one.at)
  return { status: 'ok', entries: entries.slice(0, Number(limit)) }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function joinStatistics(answers: readonly JsonObject[], facts: RouterFacts): JsonObject {
  const shards = answers.map(({ status: _, ...shard }) => shard)
  const total = (field: string): number => shards.reduce((sum, shard) => sum + Number(shard[field]), 0)
  const ofKind = (kind: string): number =>
    shards.reduce((sum, { states }) => sum + Number((states as JsonObject)[kind]), 0)
  return {
    status: 'ok',
    uptime: facts.uptimeSeconds,
    instance: facts.instance,
    durability: facts.durability,
    totals: {
      states: { table: ofKind('table'), keys: ofKind('keys'), machine: ofKind('machine') },
      records: total('records'),
      record_bytes: total('record_bytes'),
      keys: total('keys'),
      key_bytes: total('key_bytes'),
      list_items: total('list_items'),
      pending_items: total('pending_items'),
      instances: total('instances'),
      instance_bytes: total('instance_bytes'),
      expiries: total('expiries'),
      waiters: total('waiters'),
      locks: total('locks'),
      lock_waiters: total('lock_waiters'),
      lock_grants: total('lock_grants'),
      lock_expiries: total('lock_expiries'),
      fenced: total('fenced'),
      commands: total('commands'),
    },
    shards,
  }
}
