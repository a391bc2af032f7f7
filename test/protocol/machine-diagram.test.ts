// Machines as text for Mermaid: every kind of state and transition, and nothing of a user's that could be taken for syntax.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readMachine } from '../../src/protocol/machine-definition.ts'
import { mermaidOf } from '../../src/protocol/machine-diagram.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { definition } from '../support/machine-definitions.ts'

function drawn(source: JsonObject): string {
  const root = readMachine(source)
  if ('code' in root) throw new Error(root.reason)
  return mermaidOf(root)
}

describe('the diagram of a machine', () => {
  it('shows states, transitions, timers, the beginning and the ends', () => {
    const text = drawn({
      initial: 'open',
      on: { RESET: '.open' },
      states: { open: { on: { CLOSE: 'closed', NOTE: {} }, after: { 1000: 'closed' } }, closed: { type: 'final' } },
    })
    expect(text).toBe(`stateDiagram-v2
  state "open" as s1
  state "closed" as s2
  [*] --> s1
  s2 --> [*]
  s1 --> s1 : RESET
  s2 --> s1 : RESET
  s1 --> s2 : CLOSE
  s1 --> s2 : after 1000 ms
`)
  })

  it('shows states inside states, regions, completion and history', () => {
    const text = drawn({
      initial: 'on',
      states: {
        on: {
          type: 'parallel',
          onDone: 'off',
          states: { a: { initial: 'b', states: { b: {}, h: { history: 'deep', target: 'b' } } }, c: {} },
        },
        off: {},
      },
    })
    expect(text).toBe(`stateDiagram-v2
  state "on" as s1
  state s1 {
    state "a" as s2
    state s2 {
      state "b" as s3
      state "h (H*)" as s4
      [*] --> s3
    }
    --
    state "c" as s5
  }
  state "off" as s6
  [*] --> s1
  s1 --> s6 : done
  s4 --> s3 : at first
`)
  })

  it('escapes what Mermaid could take for its own', () => {
    const text = drawn({ initial: '"] --> [*]', states: { '"] --> [*]': { on: { 'a: b; %%{x}%%': 'n' } }, n: {} } })
    expect(text).toContain('state "#34;#93; --#62; #91;*#93;" as s1')
    expect(text).toContain('s1 --> s2 : a#58; b#59; #37;#37;#123;x#125;#37;#37;')
  })

  it('has one line for each thing, whatever the names are', () => {
    const line =
      /^ *(stateDiagram-v2|state "[\p{L}\p{N} _.\-*#;()]*" as s\d+|state s\d+ \{|\}|--|(\[\*\]|s\d+) --> (\[\*\]|s\d+)( : [\p{L}\p{N} _.\-*#;]+)?)$/u
    const property = fc.property(
      definition,
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
      (source, name) => {
        const renamed: unknown = JSON.parse(JSON.stringify(source).replaceAll('"go":', `${JSON.stringify(name)}:`))
        const root = readMachine(renamed as JsonObject)
        if ('code' in root) return
        expect(
          mermaidOf(root)
            .trimEnd()
            .split('\n')
            .filter((each) => !line.test(each)),
        ).toEqual([])
      },
    )
    fc.assert(property)
  })
})
