// The benchmarks run: a short round of two of them, whose figures mean nothing, but whose reports have to be whole.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Report, Row } from '../../bench/report.ts'
import { describeWithPeer, redisServer } from '../support/peers.ts'
import { compiler } from '../support/shim.ts'

const program = fileURLToPath(new URL('../../dist/bench/main.js', import.meta.url))

function runBench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 110_000 })
}

function rowProblems({ what, ours, peer, ratio, goal, isMet }: Row): string[] {
  const spreads = [ours, peer?.value, ratio].filter((spread) => spread !== undefined)
  const isSound = spreads.every(({ median, min, max }) => min > 0 && min <= median && median <= max)
  return [
    ...(isSound ? [] : [`${what}: a figure is missing`]),
    ...((peer === undefined) === (ratio === undefined) ? [] : [`${what}: a peer without a ratio`]),
    ...((goal === undefined) === (isMet === undefined) ? [] : [`${what}: a goal without a verdict`]),
  ]
}

describe('npm run bench', () => {
  it('measures a shard and plain messages, and reports on machine, versions and every row', () => {
    const { status, stdout, stderr } = runBench('shard', 'plain', '--rounds', '1', '--seconds', '0.2', '--json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const reports = JSON.parse(stdout) as Report[]
    expect(reports.map(({ name, rounds, seconds }) => ({ name, rounds, seconds }))).toEqual([
      { name: 'shard', rounds: 1, seconds: 0.2 },
      { name: 'plain', rounds: 1, seconds: 0.2 },
    ])
    for (const { machine, versions, rows } of reports) {
      expect(machine.cores).toBeGreaterThan(0)
      expect(Object.keys(versions)).toEqual(expect.arrayContaining(['holdfast', 'zeromq', 'msgpackr', 'ioredis']))
      expect(rows.length).toBeGreaterThanOrEqual(4)
      expect(rows.flatMap(rowProblems)).toEqual([])
    }
  }, 120_000)

  it('sets events and patches of bound fields beside plain patches', () => {
    const { status, stdout, stderr } = runBench('machine', '--rounds', '1', '--seconds', '0.1', '--json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [{ rows }] = JSON.parse(stdout) as [Report]
    expect(rows.map(({ peer }) => peer?.name)).toEqual(['plain patch', 'plain patch'])
    expect(rows.flatMap(rowProblems)).toEqual([])
  }, 120_000)

  it('names what there is when it is asked for what there is not', () => {
    const { status, stderr } = runBench('speed')
    expect(status).toBe(2)
    expect(stderr).toContain("no benchmark 'speed'")
    expect(stderr).toContain('Names: patch, get, plain, shard')
  })
})

describeWithPeer('npm run bench, with barriers counted', compiler(), () => {
  it('finds one for each command that waits alone, and few where many wait together', () => {
    const { status, stdout } = runBench('durable', '--rounds', '1', '--seconds', '0.1', '--peer', 'none', '--json')
    expect(status).toBe(0)
    const [{ rows }] = JSON.parse(stdout) as [Report]
    const [alone, , many] = rows.filter(({ unit }) => unit === 'fsyncs/1,000').map(({ ours }) => ours.median)
    expect(alone).toBeGreaterThanOrEqual(1_000)
    expect(many).toBeLessThan(200)
  }, 120_000)
})

describeWithPeer('npm run bench, beside Redis', redisServer(), () => {
  it('sets ours against both of its clients', () => {
    const { status, stdout, stderr } = runBench('patch', '--rounds', '1', '--seconds', '0.1', '--json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [{ rows, notes }] = JSON.parse(stdout) as [Report]
    expect(new Set(rows.map(({ peer }) => peer?.name))).toEqual(new Set(['ioredis', 'node-redis']))
    expect(rows.flatMap(rowProblems)).toEqual([])
    expect(notes).toEqual([])
  }, 120_000)

  it('counts, compares and queues beside ioredis', () => {
    const names = ['increment', 'compare-and-set', 'queue']
    const { status, stdout, stderr } = runBench(...names, '--rounds', '1', '--seconds', '0.1', '--json')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const reports = JSON.parse(stdout) as Report[]
    expect(reports.map(({ name }) => name)).toEqual(names)
    for (const { rows } of reports) {
      expect(new Set(rows.map(({ peer }) => peer?.name))).toEqual(new Set(['ioredis']))
      expect(rows.flatMap(rowProblems)).toEqual([])
    }
  }, 120_000)
})
