// The figures of `holdfast top`: what two replies of STATS with `detail` say about the time between them. Pure: replies in,
// numbers out. Counts of a shard that was started again meanwhile begin anew, and so does what is made of them.
import { type CommandName, commands } from '../../protocol/commands.ts'
import type { Outcomes, RouterDetail, ShardDetail } from '../../protocol/detailed-statistics.ts'
import type { JsonObject } from '../../protocol/value.ts'
import { type Counted, difference, quantileOf, sumOf } from './histograms.ts'

/** A reply of STATS, and when it came, in milliseconds of some clock. */
export interface Reading {
  readonly reply: JsonObject
  readonly at: number
}

/** Seconds; undefined where nothing was measured. */
export interface Latency {
  readonly median: number | undefined
  readonly p99: number | undefined
}

export interface ShardFigures {
  readonly shard: number
  readonly condition: string
  /** Requests that it has not answered. */
  readonly depth: number
  /** Undefined for what is not known of a shard that does not serve, or was asked only once. */
  readonly commandsPerSecond?: number
  readonly commandsPerBatch?: number
  readonly commitsPerSecond?: number
  readonly commitSeconds?: Latency
  /** The share of the time for which its thread was busy, from 0 to 1. */
  readonly busy?: number
  readonly heapBytes?: number
  readonly states?: number
  readonly isFull: boolean
}

export interface Rate {
  readonly name: string
  readonly perSecond: number
  /** Since the shards were started. */
  readonly total: number
}

export interface Figures {
  readonly uptimeSeconds: number
  readonly durability: string
  /** How many seconds the rates are of; 0 where there is no earlier reading. */
  readonly seconds: number
  readonly shards: readonly ShardFigures[]
  readonly missingShards: readonly number[]
  readonly commandsPerSecond: number
  /** Commands by what they are on, the most frequent first. */
  readonly families: readonly Rate[]
  /** Commands by name, the most frequent first. */
  readonly commands: readonly Rate[]
  /** By code, the most frequent first. */
  readonly refusals: readonly Rate[]
  /** From the arrival of a request to its reply; of deciding a batch; of its commit. */
  readonly latencies: { readonly request: Latency; readonly decide: Latency; readonly commit: Latency }
  readonly clients: number | undefined
  readonly feed: { readonly states: number; readonly messagesPerSecond: number } | undefined
  readonly locks: number
  readonly lockWaiters: number
  readonly waiters: number
  readonly records: number
  readonly keys: number
  readonly instances: number
}

const familyNames = {
  directory: 'states',
  state: 'states',
  table: 'records',
  keys: 'keys',
  machine: 'machines',
  lock: 'locks',
}
/** Those whose target says less than their names. */
const familyOfCommand = new Map([
  ['PING', 'server'],
  ['HELLO', 'server'],
  ['STATS', 'server'],
  ['LIST_QUARANTINED', 'server'],
  ['RELEASE_SHARD', 'server'],
  ['GET_CHANGES', 'watches'],
  ['TRANSACTION', 'transactions'],
  ['PUSH_LIST', 'lists'],
  ['POP_LIST', 'lists'],
  ['LIST_LENGTH', 'lists'],
  ['ACK_ITEM', 'lists'],
  ['RETURN_ITEM', 'lists'],
])

export function familyOf(command: string): string {
  const known = familyOfCommand.get(command)
  if (known !== undefined) return known
  return Object.hasOwn(commands, command) ? familyNames[commands[command as CommandName].target] : 'unknown'
}

interface ShardReply extends ShardDetail {
  readonly shard: number
  readonly states: Readonly<Record<string, number>>
  readonly commands: number
  readonly commits: number
  readonly heap_bytes: number
  readonly storage_full: boolean
}

interface WholeReply extends RouterDetail {
  readonly uptime: number
  readonly instance: number
  readonly durability: string
  readonly totals: Readonly<Record<string, number>>
  readonly shards: readonly ShardReply[]
  readonly missing_shards?: readonly number[]
}

/** Of a server that is older than `detail` there are no figures. */
export function figuresOf(now: Reading, before?: Reading): Figures | undefined {
  if (now.reply.mailboxes === undefined) return undefined
  const reply = now.reply as unknown as WholeReply
  // A daemon that was started again counts from nothing.
  const past = before?.reply as unknown as WholeReply | undefined
  const earlier = past?.instance === reply.instance ? past : undefined
  const seconds = earlier === undefined || before === undefined ? 0 : (now.at - before.at) / 1_000
  const pairs = reply.shards.map((shard) => ({ shard, before: earlierLife(shard, earlier) }))
  const outcomes = new Counts(seconds)
  outcomes.add(reply.outcomes, earlier?.outcomes)
  for (const { shard, before: past } of pairs) outcomes.add(shard.outcomes, past?.outcomes)
  const both = (read: (shard: ShardReply) => Counted): Latency =>
    latencyOf(sumOf(pairs.map(({ shard, before: past }) => difference(read(shard), past && read(past)))))
  const { totals } = reply
  const commandRates = outcomes.rates((command) => command)
  return {
    uptimeSeconds: reply.uptime,
    durability: reply.durability,
    seconds,
    shards: reply.mailboxes.map(({ shard: number, condition, depth }) => {
      const pair = pairs.find(({ shard }) => shard.shard === number)
      return {
        shard: number,
        condition,
        depth,
        isFull: false,
        ...(pair && shardFigures(pair.shard, pair.before, seconds)),
      }
    }),
    missingShards: reply.missing_shards ?? [],
    commandsPerSecond: commandRates.reduce((sum, { perSecond }) => sum + perSecond, 0),
    families: outcomes.rates(familyOf),
    commands: commandRates,
    refusals: outcomes.rates((_, outcome) => (outcome === 'ok' ? undefined : outcome)),
    latencies: {
      request: latencyOf(difference(reply.request_seconds, earlier?.request_seconds)),
      decide: both(({ decide_seconds: decide }) => decide),
      commit: both(({ commit_seconds: commit }) => commit),
    },
    clients: reply.clients,
    feed: reply.feed && {
      states: reply.feed.states,
      messagesPerSecond: rate(reply.feed.messages - (earlier?.feed?.messages ?? reply.feed.messages), seconds),
    },
    locks: totals.locks ?? 0,
    lockWaiters: totals.lock_waiters ?? 0,
    waiters: totals.waiters ?? 0,
    records: totals.records ?? 0,
    keys: totals.keys ?? 0,
    instances: totals.instances ?? 0,
  }
}

function shardFigures(shard: ShardReply, before: ShardReply | undefined, seconds: number): Partial<ShardFigures> {
  const batches = difference(shard.batch_commands, before?.batch_commands)
  const batchCount = batches.counts.reduce((sum, count) => sum + count, 0)
  const busy = shard.loop.busy - (before?.loop.busy ?? 0)
  const idle = shard.loop.idle - (before?.loop.idle ?? 0)
  return {
    ...(before !== undefined && {
      commandsPerSecond: rate(shard.commands - before.commands, seconds),
      commitsPerSecond: rate(shard.commits - before.commits, seconds),
    }),
    ...(batchCount > 0 && { commandsPerBatch: batches.sum / batchCount }),
    commitSeconds: latencyOf(difference(shard.commit_seconds, before?.commit_seconds)),
    ...(busy + idle > 0 && { busy: busy / (busy + idle) }),
    heapBytes: shard.heap_bytes,
    states: Object.values(shard.states).reduce((sum, count) => sum + count, 0),
    isFull: shard.storage_full,
  }
}

/** Counts by command and outcome, put together in several ways. */
class Counts {
  readonly #seconds: number
  readonly #all: {
    readonly command: string
    readonly outcome: string
    readonly total: number
    readonly more: number
  }[] = []

  constructor(seconds: number) {
    this.#seconds = seconds
  }

  add(now: Outcomes, before: Outcomes | undefined): void {
    for (const [command, outcomes] of Object.entries(now)) {
      for (const [outcome, total] of Object.entries(outcomes)) {
        this.#all.push({ command, outcome, total, more: total - (before?.[command]?.[outcome] ?? 0) })
      }
    }
  }

  rates(nameOf: (command: string, outcome: string) => string | undefined): Rate[] {
    const sums = new Map<string, { total: number; more: number }>()
    for (const { command, outcome, total, more } of this.#all) {
      const name = nameOf(command, outcome)
      if (name === undefined) continue
      const sum = sums.get(name) ?? { total: 0, more: 0 }
      sums.set(name, { total: sum.total + total, more: sum.more + more })
    }
    return [...sums]
      .map(([name, { total, more }]) => ({ name, total, perSecond: rate(more, this.#seconds) }))
      .sort((one, other) => other.perSecond - one.perSecond || other.total - one.total || compare(one.name, other.name))
  }
}

function earlierLife(
  { shard, started_at: startedAt }: ShardReply,
  before: WholeReply | undefined,
): ShardReply | undefined {
  return before?.shards.find((other) => other.shard === shard && other.started_at === startedAt)
}

function latencyOf(histogram: Counted): Latency {
  return { median: quantileOf(histogram, 0.5), p99: quantileOf(histogram, 0.99) }
}

function rate(more: number, seconds: number): number {
  return seconds > 0 ? Math.max(0, more) / seconds : 0
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1
}
