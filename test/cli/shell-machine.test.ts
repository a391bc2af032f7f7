// Machines as the shell draws them: below each other for people, and as the text of a Mermaid diagram; by a script against a
// real daemon, and by the function that draws.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Problem } from '../../src/base/problem.ts'
import { plainLook } from '../../src/cli/shell/look.ts'
import { drawMachine } from '../../src/cli/shell/machine.ts'
import { connect } from '../../src/client/index.ts'
import { readMachine } from '../../src/protocol/machine-definition.ts'
import { nodesOf } from '../../src/protocol/machine-tree.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { run } from '../support/holdfast.ts'
import { definition as anyDefinition } from '../support/machine-definitions.ts'
import { type Outcome, type RunningDaemon, startDaemon } from '../support/program.ts'

const sourceDefinition = {
  initial: 'pending',
  states: {
    pending: { on: { process: 'processing' } },
    processing: { on: { complete: 'indexed', fail: 'failed' }, after: { 60_000: 'failed' } },
    indexed: { type: 'final' },
    failed: { on: { retry: 'pending' } },
  },
}

const sourceOutline = [
  'pending (initial)',
  '  process → processing',
  'processing',
  '  complete       → indexed',
  '  fail           → failed',
  '  after 60000 ms → failed',
  'indexed (final)',
  'failed',
  '  retry → pending',
]

function drawn(definition: JsonObject): string[] {
  const drawing = drawMachine({ name: 'a', kind: 'machine', definition }, 'machine', plainLook)
  if (drawing instanceof Problem) throw drawing
  return drawing.split('\n')
}

describe('a machine, drawn for people,', () => {
  it('is its states and their transitions', () => {
    expect(drawn(sourceDefinition)).toEqual(sourceOutline)
  })

  it('has inner states, regions, history, and what holds in any state', () => {
    const lines = drawn({
      initial: 'on',
      on: { reset: { target: '.on', reenter: true }, note: { actions: 'log' }, never: {} },
      states: {
        on: {
          type: 'parallel',
          onDone: 'off',
          states: {
            a: { initial: 'b', states: { b: {}, c: { type: 'final' }, h: { history: 'deep', target: 'b' } } },
            d: { on: { both: ['#(machine).on.a'] } },
          },
        },
        off: { on: { back: { target: ['on.a.c', 'on.d'] } } },
      },
    })
    expect(lines).toEqual([
      'in any state',
      '  reset → on, anew',
      '  note  → (stays)',
      '  never → (nothing)',
      'on (initial, parallel)',
      '  when done → off',
      '  a',
      '    b (initial)',
      '    c (final)',
      '    h (deep history)',
      '      at first → on.a.b',
      '  d',
      '    both → on.a',
      'off',
      '  back → on.a.c and on.d',
    ])
  })

  it('has a line for every state and every transition, whatever the machine', () => {
    fc.assert(
      fc.property(anyDefinition, (definition) => {
        const root = readMachine(definition)
        if ('code' in root) throw new Error(root.reason)
        const counts = nodesOf(root).map(({ on, after, onDone, fallback }) => {
          return on.size + after.size + (onDone === undefined ? 0 : 1) + (fallback === undefined ? 0 : 1)
        })
        const lines = drawn(definition)
        expect(lines.filter((line) => line.includes(' → '))).toHaveLength(counts.reduce((sum, count) => sum + count, 0))
        const states = lines.filter((line) => !line.includes(' → ') && line !== 'in any state')
        expect(states).toHaveLength(counts.length - 1)
      }),
    )
  })

  it('has no character that would turn the direction of the text', () => {
    const evil = drawMachine(
      { name: 'm', definition: { initial: 'a', states: { '\u202ea': {} } } },
      'machine',
      plainLook,
    )
    expect(evil).toMatchObject({ message: expect.stringContaining('/states/\\u202ea: ') })
  })

  it('says why where there is nothing that could be drawn', () => {
    const table = drawMachine({ name: 'leads', kind: 'table' }, 'mermaid', plainLook)
    expect(table).toMatchObject({ message: "'leads' is of kind 'table', and no field of it follows a machine." })
    const newer = { name: 'm', kind: 'machine', definition: { initial: 'a', states: { a: { always: 'a' } } } }
    expect(drawMachine(newer, 'machine', plainLook)).toMatchObject({
      message: "the machine of 'm' cannot be drawn: /states/a/always: 'always' is not supported.",
    })
  })
})

describe('a script', () => {
  let daemon: RunningDaemon
  const shell = (input: string, ...options: string[]): Promise<Outcome> =>
    run(['shell', '--endpoint', daemon.endpoint, ...options], { input })

  beforeAll(async () => {
    daemon = await startDaemon()
    const client = await connect(daemon.endpoint)
    await client.machine('sources').define(sourceDefinition)
    await client.close()
  })
  afterAll(() => daemon.program.end())

  it('draws a machine, and the one that a field of a table follows', async () => {
    const { status, stdout, stderr } = await shell(
      `CREATE_STATE jobs machine={"field":"status","definition":{"initial":"open","states":{"open":{}}}}
       machine sources
       MACHINE jobs`,
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n').slice(3)).toEqual([...sourceOutline, 'open (initial)', ''])
  })

  it('writes a diagram that can go into a file', async () => {
    const { status, stdout } = await shell('mermaid sources')
    expect(status).toBe(0)
    expect(stdout.split('\n').slice(0, 2)).toEqual(['stateDiagram-v2', '  state "pending" as s1'])
    expect(stdout).toContain('\n  s2 --> s4 : after 60000 ms\n')
  })

  it('gets the reply as it is for --json', async () => {
    expect(JSON.parse((await shell('mermaid sources', '--json')).stdout)).toMatchObject({
      status: 'ok',
      definition: sourceDefinition,
    })
  })

  it('has status 1 where there is no machine, and goes on', async () => {
    expect(await shell('CREATE_STATE leads\nmachine leads\nmermaid nothing\nPING')).toEqual({
      status: 1,
      signal: null,
      stdout: expect.stringMatching(/STATE_NOT_FOUND: State 'nothing' not found\npong: true\n$/),
      stderr: "holdfast: line 2: 'leads' is of kind 'table', and no field of it follows a machine.\n",
    })
  })
})
