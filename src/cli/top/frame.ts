// The picture of `holdfast top`: figures in, lines out. Pure, and never larger than it may be: what does not fit is counted
// in its last line, or left out from the right.
import type { Colors } from '../shell/look.ts'
import type { Figures, Latency, Rate, ShardFigures } from './figures.ts'
import { clipped, columns, type Line, type Paint, type Piece, painted, side } from './lines.ts'
import { shortBytes, shortNumber, shortSeconds, spanOf } from './words.ts'

/** By what shards are sorted, the most first; `shard` by their numbers. */
export const sortings = ['shard', 'commands', 'mailbox', 'commit', 'busy'] as const
export type Sorting = (typeof sortings)[number]

export interface View {
  readonly endpoint: string
  /** Undefined before the first answer. */
  readonly figures: Figures | undefined
  readonly sorting: Sorting
  readonly isPaused: boolean
  readonly showsHelp: boolean
  /** Why there is nothing newer: the daemon is away. */
  readonly problem: string | undefined
}

export interface Size {
  readonly width: number
  /** Undefined where all may be shown, and no key can be pressed. */
  readonly height: number | undefined
}

const helpLines = [
  'q        quit, as Ctrl-C does',
  's        sort the shards by the next of: number, commands, mailbox, commit, busy',
  'p, space pause: the picture stays, and nothing is asked',
  '?        this help, and back',
  '',
  'mailbox  requests that a shard has not answered     batch   commands in one commit',
  'commit   its time, the wait for the disk included   busy    of the time of its thread',
  'request  from its arrival at the router to its reply',
  'waiting  commands that wait for a lock, or for something to come',
]

export function frame(view: View, { width, height }: Size, colors: Colors): string[] {
  const { figures, showsHelp } = view
  const head = headLines(view)
  const foot = height === undefined ? [] : [footLine(view)]
  const room = height === undefined ? Number.POSITIVE_INFINITY : Math.max(0, height - head.length - foot.length)
  const body = showsHelp
    ? ['', ...helpLines].map((text): Line => [{ text }])
    : figures === undefined
      ? []
      : bodyLines(figures, view.sorting, width, room)
  const shown = body.slice(0, room)
  // The keys stand on the last line of the screen, wherever the rest ends.
  const blank = height === undefined ? [] : Array.from({ length: room - shown.length }, (): Line => [])
  return [...head, ...shown, ...blank, ...foot].slice(0, height).map((line) => painted(clipped(line, width), colors))
}

function headLines({ endpoint, figures, problem, isPaused }: View): Line[] {
  const state: Piece[] = [
    ...(problem === undefined ? [] : [{ text: `  ${problem}`, paint: 'red' as const }]),
    ...(isPaused ? [{ text: '  paused', paint: 'yellow' as const }] : []),
  ]
  if (figures === undefined) return [[{ text: `holdfast at ${endpoint}`, paint: 'bold' }, ...state]]
  const { uptimeSeconds, durability, clients, feed, locks, lockWaiters, waiters, latencies } = figures
  const kept = durability === 'memory' ? 'in memory only' : durability
  const perSecond = figures.seconds === 0 ? '-' : shortNumber(figures.commandsPerSecond)
  const facts = [
    `${perSecond} commands/s`,
    ...(clients === undefined ? [] : [`clients ${shortNumber(clients)}`]),
    `locks ${shortNumber(locks)}`,
    `waiting ${shortNumber(waiters)}${lockWaiters === 0 ? '' : `, ${shortNumber(lockWaiters)} for locks`}`,
    ...(feed === undefined
      ? []
      : [`feed ${shortNumber(feed.states)} watched, ${shortNumber(feed.messagesPerSecond)}/s`]),
  ]
  const holds = [
    `records ${shortNumber(figures.records)}`,
    `keys ${shortNumber(figures.keys)}`,
    `instances ${shortNumber(figures.instances)}`,
  ]
  const { request, decide, commit } = latencies
  return [
    [
      { text: `holdfast at ${endpoint}`, paint: 'bold' },
      // What is wrong takes the place of what is known anyway.
      ...(problem === undefined ? [{ text: `  up ${spanOf(uptimeSeconds)}, ${kept}` }] : []),
      ...state,
    ],
    [{ text: facts.join('   ') }],
    [{ text: `p50 / p99  request ${both(request)}   decide ${both(decide)}   commit ${both(commit)}` }],
    [{ text: holds.join('   '), paint: 'dim' }],
  ]
}

function both({ median, p99 }: Latency): string {
  return median === undefined ? '-' : `${shortSeconds(median)} / ${shortSeconds(p99)}`
}

function footLine({ sorting, isPaused }: View): Line {
  const by = sorting === 'shard' ? 'number' : sorting
  return [{ text: `q quit   s sort (by ${by})   p ${isPaused ? 'go on' : 'pause'}   ? help`, paint: 'dim' }]
}

function bodyLines(figures: Figures, sorting: Sorting, width: number, room: number): Line[] {
  // Two empty lines, two headings; what is below the shards gets at least a third of the room.
  const rates = Math.max(
    figures.families.length,
    figures.refusals.length,
    width >= wideWidth ? figures.commands.length : 0,
  )
  const ratesMin = Math.min(rates, Math.floor(room / 3))
  const shards = shardLines(figures, sorting, room - 4 - ratesMin)
  return [[], ...shards, [], ...rateLines(figures, width, room - shards.length - 2)]
}

/** From this width on commands are shown by name, too. */
const wideWidth = 104

const shardHeadings = [
  'shard',
  'condition',
  'commands/s',
  'mailbox',
  'batch',
  'commits/s',
  'commit p50',
  'p99',
  'busy',
  'heap',
]
const shardWidths = [5, 11, 10, 7, 5, 9, 10, 7, 5, 8] as const

function shardLines({ shards, seconds }: Figures, sorting: Sorting, room: number): Line[] {
  const sorted = shards.toSorted(
    (one, other) => weight(other, sorting) - weight(one, sorting) || one.shard - other.shard,
  )
  const fitting = sorted.length <= room ? sorted : sorted.slice(0, Math.max(1, room - 1))
  const more = sorted.length - fitting.length
  return [
    columns(shardHeadings, shardWidths, 'dim'),
    ...fitting.map((shard) => shardLine(shard, seconds)),
    ...(more > 0 ? [[{ text: `      … and ${more} more`, paint: 'dim' as const }]] : []),
  ]
}

function weight(shard: ShardFigures, sorting: Sorting): number {
  switch (sorting) {
    case 'shard':
      return 0
    case 'commands':
      return shard.commandsPerSecond ?? 0
    case 'mailbox':
      return shard.depth
    case 'commit':
      return shard.commitSeconds?.p99 ?? 0
    case 'busy':
      return shard.busy ?? 0
  }
}

function shardLine(figures: ShardFigures, seconds: number): Line {
  const { shard, condition, depth, commandsPerSecond, commandsPerBatch, commitsPerSecond, commitSeconds } = figures
  const { busy, heapBytes, isFull } = figures
  const known = (value: number | undefined): string => (value === undefined || seconds === 0 ? '-' : shortNumber(value))
  const cells = [
    String(shard),
    isFull ? 'disk full' : condition,
    known(commandsPerSecond),
    shortNumber(depth),
    commandsPerBatch === undefined ? '-' : shortNumber(commandsPerBatch),
    known(commitsPerSecond),
    shortSeconds(commitSeconds?.median),
    shortSeconds(commitSeconds?.p99),
    busy === undefined ? '-' : `${Math.round(busy * 100)} %`,
    heapBytes === undefined ? '-' : shortBytes(heapBytes),
  ]
  const line = columns(cells, shardWidths)
  const paint: Paint | undefined =
    isFull || condition !== 'serving' ? 'red' : (busy ?? 0) >= busyMuch ? 'yellow' : undefined
  return paint === undefined ? line : line.map((piece) => ({ ...piece, paint }))
}

/** A thread that is busy for so much of its time is soon the bound of its states. */
const busyMuch = 0.9

function rateLines({ families, refusals, commands, seconds }: Figures, width: number, room: number): Line[] {
  const all = [
    rateColumn('commands on', families, seconds, room),
    rateColumn('refused with', refusals, seconds, room, 'yellow'),
    ...(width >= wideWidth ? [rateColumn('command', commands, seconds, room)] : []),
  ]
  const length = Math.max(...all.map((lines) => lines.length))
  return Array.from({ length }, (_, row) => side(all.map((lines) => lines[row] ?? [{ text: ' '.repeat(rateWidth) }])))
}

const rateWidths = [18, 7, 8] as const
const rateWidth = rateWidths.reduce((sum, width) => sum + width + 1, -1)

function rateColumn(title: string, rates: readonly Rate[], seconds: number, room: number, paint?: Paint): Line[] {
  const fitting = rates.slice(0, Math.max(0, room - 1))
  return [
    columns([title, '/s', 'in all'], rateWidths, 'dim', [0]),
    ...fitting.map(({ name, perSecond, total }) =>
      columns(
        [name, seconds === 0 ? '-' : shortNumber(perSecond), shortNumber(total)],
        rateWidths,
        perSecond > 0 ? paint : 'dim',
        [0],
      ),
    ),
  ]
}
