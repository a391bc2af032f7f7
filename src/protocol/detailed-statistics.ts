// What STATS answers besides its sums where `detail` asks for it: counts by command and outcome, and histograms, from which
// whoever asks twice makes rates and latencies. Written here for the wire, and read by `holdfast top`.
import type { HistogramSnapshot } from '../base/histogram.ts'
import type { OutcomeCount } from '../base/outcome-counts.ts'
import type { FeedStatistics, FrontEndStatistics, ShardCondition, ShardStatistics } from './statistics.ts'
import type { JsonObject } from './value.ts'

/** Counts by the outcomes of a command: `ok`, or the code of the refusal. */
export type Outcomes = Readonly<Record<string, Readonly<Record<string, number>>>>

/** What a shard adds, counted since its last start. */
export interface ShardDetail {
  /** In seconds since 1970: counts begin anew with it. */
  readonly started_at: number
  /** By the names of the commands. */
  readonly outcomes: Outcomes
  readonly batch_commands: HistogramSnapshot
  readonly decide_seconds: HistogramSnapshot
  readonly commit_seconds: HistogramSnapshot
  /** For how many seconds the thread's event loop was busy, and for how many it waited. */
  readonly loop: { readonly busy: number; readonly idle: number }
}

/** What the router adds. */
export interface RouterDetail {
  readonly mailboxes: readonly { readonly shard: number; readonly condition: ShardCondition; readonly depth: number }[]
  /** Of commands that no shard has seen. */
  readonly outcomes: Outcomes
  readonly request_seconds: HistogramSnapshot
  /** Clients that are connected; missing where there is no front end. */
  readonly clients?: number
  /** Missing where nothing is published. */
  readonly feed?: { readonly states: number; readonly messages: number; readonly refused: number }
}

export interface RouterFigures {
  readonly mailboxes: RouterDetail['mailboxes']
  readonly answered: readonly OutcomeCount[]
  readonly requestSeconds: HistogramSnapshot
  readonly frontEnd: FrontEndStatistics | undefined
  readonly feed: FeedStatistics | undefined
}

export function detailOfShard(statistics: ShardStatistics): JsonObject {
  const { startedAt, commands, batchCommands, decideSeconds, commitSeconds, busySeconds, idleSeconds } = statistics
  return {
    started_at: startedAt / 1_000,
    outcomes: outcomesOf(commands),
    batch_commands: shown(batchCommands),
    decide_seconds: shown(decideSeconds),
    commit_seconds: shown(commitSeconds),
    loop: { busy: busySeconds, idle: idleSeconds },
  }
}

export function detailOfRouter({ mailboxes, answered, requestSeconds, frontEnd, feed }: RouterFigures): JsonObject {
  return {
    mailboxes: mailboxes.map(({ shard, condition, depth }) => ({ shard, condition, depth })),
    outcomes: outcomesOf(answered),
    request_seconds: shown(requestSeconds),
    ...(frontEnd && { clients: frontEnd.peers }),
    ...(feed && { feed: { states: feed.watchedStates, messages: feed.messages, refused: feed.refused } }),
  }
}

function outcomesOf(counts: readonly OutcomeCount[]): Record<string, Record<string, number>> {
  const outcomes: Record<string, Record<string, number>> = {}
  for (const { command, outcome, count } of counts) {
    const name = command === '' ? 'unknown' : command
    outcomes[name] = { ...outcomes[name], [outcome]: count + (outcomes[name]?.[outcome] ?? 0) }
  }
  return outcomes
}

/** The last count is of what passes the last bound. */
function shown({ bounds, counts, sum }: HistogramSnapshot): { bounds: number[]; counts: number[]; sum: number } {
  return { bounds: [...bounds], counts: [...counts], sum }
}
