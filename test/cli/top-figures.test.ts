// What `holdfast top` makes of two replies of STATS, and how it draws that: numbers in, lines out.
import picocolors from 'picocolors'
import { describe, expect, it } from 'vitest'
import { Histogram } from '../../src/base/histogram.ts'
import { familyOf, figuresOf, type Reading } from '../../src/cli/top/figures.ts'
import { frame, type View } from '../../src/cli/top/frame.ts'
import { difference, quantileOf, sumOf } from '../../src/cli/top/histograms.ts'
import { shortBytes, shortNumber, shortSeconds, spanOf } from '../../src/cli/top/words.ts'
import { commands } from '../../src/protocol/commands.ts'
import { detailOfRouter, detailOfShard } from '../../src/protocol/detailed-statistics.ts'
import type { ShardCondition } from '../../src/protocol/statistics.ts'
import { joinsOf } from '../../src/router/joins.ts'
import { summaryOf } from '../../src/shard/statistics.ts'
import { statisticsOf } from '../support/shard-statistics.ts'

const bounds = [1, 2, 4]

function histogramOf(...values: number[]): ReturnType<Histogram['snapshot']> {
  const histogram = new Histogram(bounds)
  for (const value of values) histogram.observe(value)
  return histogram.snapshot()
}

describe('a histogram', () => {
  it('tells below which value a share lies, as if values lay evenly between two bounds', () => {
    expect(quantileOf(histogramOf(1, 1, 1, 1), 0.5)).toBe(0.5)
    expect(quantileOf(histogramOf(1, 1, 2, 2), 0.75)).toBe(1.5)
    expect(quantileOf(histogramOf(1, 3, 3, 3), 1)).toBe(4)
    expect(quantileOf(histogramOf(9, 9), 0.99)).toBe(4)
    expect(quantileOf(histogramOf(), 0.5)).toBeUndefined()
  })

  it('can be less an earlier one, or be joined with others', () => {
    expect(difference(histogramOf(1, 2, 9), histogramOf(1))).toEqual({ bounds, counts: [0, 1, 0, 1], sum: 11 })
    expect(sumOf([histogramOf(1), histogramOf(1, 3)])).toEqual({ bounds, counts: [2, 0, 1, 0], sum: 5 })
    expect(quantileOf(sumOf([]), 0.5)).toBeUndefined()
  })
})

it.each([
  [shortNumber(0), '0'],
  [shortNumber(0.94), '0.9'],
  [shortNumber(999), '999'],
  [shortNumber(1_250), '1.25 k'],
  [shortNumber(999_999), '1 M'],
  [shortNumber(12_345_678), '12.3 M'],
  [shortBytes(512), '512 B'],
  [shortBytes(1_536), '1.5 KiB'],
  [shortBytes(15 * 1_048_576), '15 MiB'],
  [shortSeconds(undefined), '-'],
  [shortSeconds(0.0000351), '35.1 µs'],
  [shortSeconds(0.25), '250 ms'],
  [shortSeconds(2.5), '2.5 s'],
  [spanOf(45.9), '45 s'],
  [spanOf(3_599), '59 min'],
  [spanOf(12_000), '3 h 20 min'],
  [spanOf(180_000), '2 d 2 h'],
])('a number is shown shortly: %s', (shown, wanted) => {
  expect(shown).toBe(wanted)
})

it('every command has a family', () => {
  for (const name of Object.keys(commands)) expect(familyOf(name), name).toMatch(/^[a-z]+$/)
  expect(familyOf('constructor')).toBe('unknown')
})

interface Given {
  readonly commands?: number
  readonly refused?: number
  readonly startedAt?: number
  readonly condition?: ShardCondition
  readonly shards?: number
  readonly instance?: number
}

/** A reply as shards and router make it. */
function replyOf({
  commands: count = 0,
  refused = 0,
  startedAt = 1,
  condition,
  shards = 2,
  instance = 7,
}: Given): Reading['reply'] {
  const numbers = Array.from({ length: shards }, (_, shard) => shard)
  const answers = numbers
    .filter((shard) => shard > 0 || condition === undefined)
    .map((shard) =>
      statisticsOf({
        shard,
        startedAt,
        commands: [
          { command: 'SET_KEY', outcome: 'ok', count: count * (shard + 1) },
          { command: 'GET_RECORD', outcome: 'STATE_NOT_FOUND', count: refused },
        ],
        commits: count,
        batchCommands: histogramOf(...Array.from({ length: count }, () => 2)),
        commitSeconds: histogramOf(...Array.from({ length: count }, () => 3)),
        busySeconds: count,
        idleSeconds: count * 3,
        heapBytes: 1_048_576,
        locks: 1,
      }),
    )
    .map((statistics) => ({ status: 'ok', ...summaryOf(statistics, true) }))
  const mailboxes = numbers.map((shard) => ({
    shard,
    condition: shard === 0 && condition !== undefined ? condition : ('serving' as const),
    depth: shard * 5,
  }))
  const join = joinsOf(
    () => ({ uptimeSeconds: 3_700, instance, durability: 'strict' }),
    () => ({
      mailboxes,
      answered: [{ command: 'PING', outcome: 'ok', count }],
      requestSeconds: histogramOf(...Array.from({ length: count }, () => 1)),
      frontEnd: undefined,
      feed: {
        watchedStates: 3,
        messages: count * 4,
        bytes: 0,
        positions: 0,
        lagSeconds: histogramOf(),
        subscribers: 0,
        messagesQueued: 0,
        refused: 0,
      },
    }),
  ).STATS
  return join?.(answers, { detail: true }) ?? {}
}

const first: Reading = { at: 1_000, reply: replyOf({ commands: 10, refused: 1 }) }
const second: Reading = { at: 3_000, reply: replyOf({ commands: 14, refused: 2 }) }

describe('the figures of two replies', () => {
  it('are rates of the time between them', () => {
    const figures = figuresOf(second, first)
    expect(figures).toMatchObject({
      seconds: 2,
      commandsPerSecond: 9,
      families: [
        { name: 'keys', perSecond: 6, total: 42 },
        { name: 'server', perSecond: 2, total: 14 },
        { name: 'records', perSecond: 1, total: 4 },
      ],
      refusals: [{ name: 'STATE_NOT_FOUND', perSecond: 1, total: 4 }],
      feed: { states: 3, messagesPerSecond: 8 },
      locks: 2,
      shards: [
        { shard: 0, commandsPerSecond: 2.5, commitsPerSecond: 2, commandsPerBatch: 2, busy: 0.25, depth: 0 },
        { shard: 1, commandsPerSecond: 4.5, commitsPerSecond: 2, commandsPerBatch: 2, busy: 0.25, depth: 5 },
      ],
    })
    expect(figures?.latencies.commit.median).toBe(3)
    expect(figures?.latencies.request.median).toBe(0.5)
    expect(figures?.clients).toBeUndefined()
  })

  it('have no rates without an earlier reply of the same daemon', () => {
    expect(figuresOf(second)).toMatchObject({ seconds: 0, commandsPerSecond: 0 })
    const other = { at: 2_000, reply: replyOf({ commands: 3, instance: 8 }) }
    expect(figuresOf(other, first)).toMatchObject({ seconds: 0 })
  })

  it('begin anew with a shard that was started again, and never fall below nothing', () => {
    const again = { at: 2_000, reply: replyOf({ commands: 2, startedAt: 2 }) }
    const figures = figuresOf(again, first)
    expect(figures?.shards[0]).not.toHaveProperty('commandsPerSecond')
    expect(figures?.commandsPerSecond).toBe(6)
  })

  it('name what does not serve, without what nobody knows of it', () => {
    const figures = figuresOf({ at: 2_000, reply: replyOf({ commands: 11, condition: 'quarantined' }) }, first)
    expect(figures?.shards[0]).toEqual({ shard: 0, condition: 'quarantined', depth: 0, isFull: false })
    expect(figures?.shards[1]).toMatchObject({ condition: 'serving', commandsPerSecond: 1 })
  })

  it('cannot be had of a daemon that knows no detail', () => {
    expect(figuresOf({ at: 1, reply: { status: 'ok', shards: [] } })).toBeUndefined()
    const nothing = { mailboxes: [], answered: [], requestSeconds: histogramOf(), frontEnd: undefined, feed: undefined }
    expect(Object.keys(detailOfRouter(nothing))).toEqual(['mailboxes', 'outcomes', 'request_seconds'])
    expect(detailOfShard(statisticsOf({ startedAt: 5_000 })).started_at).toBe(5)
  })
})

describe('the picture', () => {
  const plain = picocolors.createColors(false)
  const figures = figuresOf(second, first)
  const view: View = {
    endpoint: 'tcp://127.0.0.1:5560',
    figures,
    sorting: 'shard',
    isPaused: false,
    showsHelp: false,
    problem: undefined,
  }

  it('fills a terminal of 80 columns and 24 lines', () => {
    const lines = frame(view, { width: 80, height: 24 }, plain)
    expect(lines).toEqual([
      'holdfast at tcp://127.0.0.1:5560  up 1 h 1 min, strict',
      '9 commands/s   locks 2   waiting 0   feed 3 watched, 8/s',
      'p50 / p99  request 500 ms / 990 ms   decide -   commit 3 s / 3.98 s',
      'records 0   keys 0   instances 0',
      '',
      'shard condition   commands/s mailbox batch commits/s commit p50     p99  busy',
      '    0 serving            2.5       0     2         2        3 s  3.98 s  25 %',
      '    1 serving            4.5       5     2         2        3 s  3.98 s  25 %',
      '',
      'commands on             /s   in all   refused with            /s   in all',
      'keys                     6       42   STATE_NOT_FOUND          1        4',
      'server                   2       14',
      'records                  1        4',
      ...Array.from({ length: 10 }, () => ''),
      'q quit   s sort (by number)   p pause   ? help',
    ])
  })

  it('shows more where there is more room, and all of it where nothing bounds it', () => {
    const [, , , , , heading] = frame(view, { width: 130, height: 24 }, plain)
    expect(heading).toMatch(/busy +heap$/)
    const whole = frame(view, { width: 130, height: undefined }, plain)
    expect(whole.some((line) => line.includes('SET_KEY'))).toBe(true)
    expect(whole.at(-1)).not.toContain('quit')
  })

  it('never is larger than its terminal', () => {
    const many = figuresOf(
      { at: 3_000, reply: replyOf({ commands: 14, shards: 64 }) },
      { at: 1_000, reply: replyOf({ shards: 64 }) },
    )
    for (const shown of [figures, many, undefined]) {
      for (const [width, height] of [
        [1, 1],
        [20, 5],
        [79, 12],
        [80, 24],
        [200, 60],
      ] as const) {
        for (const showsHelp of [false, true]) {
          const lines = frame(
            { ...view, figures: shown, showsHelp, problem: 'x'.repeat(300) },
            { width, height },
            plain,
          )
          expect(lines).toHaveLength(height)
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
        }
      }
    }
    expect(frame({ ...view, figures: many }, { width: 80, height: 24 }, plain).join('\n')).toMatch(/… and \d+ more/)
  })

  it('sorts the shards by what is wanted', () => {
    const lines = frame({ ...view, sorting: 'mailbox' }, { width: 80, height: 24 }, plain)
    expect(lines.slice(6, 8).map((line) => line.trim()[0])).toEqual(['1', '0'])
    expect(lines.at(-1)).toContain('sort (by mailbox)')
  })

  it('says what is wrong in red, and nothing in colour where there are none', () => {
    const colors = picocolors.createColors(true)
    const full = figuresOf({ at: 2_000, reply: replyOf({ commands: 11, condition: 'recovering' }) }, first)
    const lines = frame({ ...view, figures: full, problem: 'no answer' }, { width: 80, height: 24 }, colors)
    expect(lines[0]).toContain('\u001b[31m  no answer')
    expect(lines.find((line) => line.includes('recovering'))?.startsWith('\u001b[31m')).toBe(true)
    expect(frame({ ...view, figures: full }, { width: 80, height: 24 }, plain).join('')).not.toContain('\u001b')
  })
})
