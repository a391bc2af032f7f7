// How the shell draws replies: on a terminal of a width, without one, in colours. What is drawn is compared as it stands.
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import picocolors from 'picocolors'
import { describe, expect, it } from 'vitest'
import { escaped, escapedJson } from '../../src/cli/escape.ts'
import { type Look, plainLook } from '../../src/cli/shell/look.ts'
import { renderReply } from '../../src/cli/shell/render.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'

const terminal = (width: number): Look => ({ ...plainLook, width })

/** Without the new lines and the indentation with which a drawing stands in this file. */
function drawing([text = '']: TemplateStringsArray): string {
  return text.replaceAll(/^\n|\n *$/g, '').replaceAll(/^ {6}/gm, '')
}

function listed(...records: readonly JsonObject[]): JsonValue {
  return { status: 'ok', records: [...records], version: 7 }
}

describe('records', () => {
  it('are a table: the id first, then the fields as the records have them, numbers to the right', () => {
    const reply = listed(
      { status: 'open', id: 1, score: 5, note: null },
      { status: 'won', id: 22, score: -12.5, note: { a: [1, true] } },
      { status: '', id: 'x', score: 'none', note: '5' },
    )
    expect(renderReply(reply, plainLook, 1.234)).toBe(drawing`
      ┌────┬────────┬───────┬────────────────┐
      │ id │ status │ score │ note           │
      ├────┼────────┼───────┼────────────────┤
      │  1 │ open   │     5 │ null           │
      │ 22 │ won    │ -12.5 │ {"a":[1,true]} │
      │ x  │ ""     │ none  │ 5              │
      └────┴────────┴───────┴────────────────┘
      3 records, version 7, 1.2 ms
      `)
  })

  it('may lack fields', () => {
    expect(renderReply(listed({ id: 1, a: true }, { id: 2, b: 3 }), plainLook)).toBe(drawing`
      ┌────┬──────┬───┐
      │ id │ a    │ b │
      ├────┼──────┼───┤
      │  1 │ true │   │
      │  2 │      │ 3 │
      └────┴──────┴───┘
      2 records, version 7
      `)
  })

  it('may be none', () => {
    expect(renderReply(listed(), plainLook, 0.04)).toBe('0 records, version 7, 0.0 ms')
  })

  it('are cut to the width of the terminal, the widest first and no number', () => {
    const reply = listed({ id: 12345678, url: `https://example.org/${'x'.repeat(99)}`, name: 'Bartholomew', n: 1 })
    expect(renderReply(reply, terminal(50))).toBe(drawing`
      ┌──────────┬───────────────────┬─────────────┬───┐
      │       id │ url               │ name        │ n │
      ├──────────┼───────────────────┼─────────────┼───┤
      │ 12345678 │ https://example.… │ Bartholomew │ 1 │
      └──────────┴───────────────────┴─────────────┴───┘
      1 record, version 7
      `)
  })

  it('take two columns for a wide character', () => {
    expect(renderReply(listed({ id: 1, name: '日本語', n: 5 }, { id: 2, name: 'é👍', n: 5 }), plainLook)).toBe(drawing`
      ┌────┬────────┬───┐
      │ id │ name   │ n │
      ├────┼────────┼───┤
      │  1 │ 日本語 │ 5 │
      │  2 │ é👍    │ 5 │
      └────┴────────┴───┘
      2 records, version 7
      `)
  })

  it('stand one below the other where a table has no room', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const record = (id: number) => ({ id, ...Object.fromEntries(names.map((name) => [name, 'long value'])) })
    expect(
      renderReply(listed(record(1), record(2)), terminal(40))
        .split('\n')
        .slice(0, 9),
    ).toEqual(['id  1', ...names.map((name) => `${name}   long value`), '', 'id  2'])
  })

  it('are one table however many they are', () => {
    const records = Array.from({ length: 250 }, (_, index) => ({ id: index + 1 }))
    expect(renderReply(listed(...records), plainLook).split('\n')).toEqual([
      '┌─────┐',
      '│  id │',
      '├─────┤',
      ...records.map(({ id }) => `│ ${String(id).padStart(3)} │`),
      '└─────┘',
      '250 records, version 7',
    ])
  })

  it('are drawn as far as somebody will look', () => {
    const records = Array.from({ length: 1_500 }, (_, id) => ({ id }))
    const drawn = renderReply(listed(...records), { ...terminal(80), recordsMax: 3 })
    expect(drawn.split('\n')).toHaveLength(8)
    expect(drawn).toContain('\n1,500 records, 3 drawn (limit=100 reads a page), version 7')
  })

  it('say where the next page begins', () => {
    const reply = { status: 'ok', records: [{ id: 1 }], next: 'r 1', version: 7 }
    expect(renderReply(reply, plainLook, 2_345)).toMatch(/\n1 record, version 7, 2\.3 s, more with after='r 1'$/)
  })

  it('of any kind fit into the terminal', () => {
    const value = fc.jsonValue({ maxDepth: 1 })
    const record = fc.dictionary(fc.string({ minLength: 1, maxLength: 30 }), value, { minKeys: 1, maxKeys: 8 })
    const records = fc.array(record, { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(records, fc.integer({ min: 20, max: 120 }), (rows, width) => {
        const drawn = renderReply(listed(...(rows as JsonObject[])), terminal(width)).split('\n')
        // The border has no wide characters, so its length is its width.
        if (drawn[0]?.startsWith('┌')) expect(drawn[0].length).toBeLessThanOrEqual(width)
        expect(drawn.join('')).not.toMatch(/\p{Cc}/u)
      }),
    )
  })
})

describe('other replies', () => {
  it.each<[string, JsonValue, string]>([
    [
      'one record is rows of field and value',
      { status: 'ok', record: { id: 1, status: 'won', note: null, list: [1, 'a'] }, revision: 3, version: 7 },
      drawing`
      id      1
      status  won
      note    null
      list    [1,"a"]
      version 7, revision 3
      `,
    ],
    ['no record is said', { status: 'ok', record: null, revision: 0, version: 7 }, 'no such record, version 7'],
    [
      'states are a list',
      { status: 'ok', states: ['jobs', 'my leads'], next: 'my leads' },
      "jobs\nmy leads\n2 states, more with after='my leads'",
    ],
    [
      'states of which not all are known say so',
      { status: 'ok', states: ['jobs'], missing_shards: [0, 2] },
      'jobs\n1 state, missing shards [0,2]',
    ],
    ['no states are said', { status: 'ok', states: [] }, '0 states'],
    ['nothing but ok is said', { status: 'ok', version: 3 }, 'ok, version 3'],
    [
      'anything else is lines of key and value',
      { status: 'ok', name: 'leads', max_length: null, schema: ['id', 'name'], limits: { a: 1, b: {} }, version: 3 },
      drawing`
      name: leads
      max_length: null
      schema: ["id","name"]
      limits:
        a: 1
        b: {}
      version 3
      `,
    ],
    [
      'lists of objects in it are tables',
      { status: 'ok', uptime: 1.5, shards: [{ shard: 0, records: 12 }] },
      drawing`
      uptime: 1.5
      shards:
      ┌───────┬─────────┐
      │ shard │ records │
      ├───────┼─────────┤
      │     0 │      12 │
      └───────┴─────────┘
      `,
    ],
    [
      'what comes besides the records is not left out',
      { status: 'ok', records: [], warning: 'slow', request_id: 'r', version: 1 },
      'warning: slow\n0 records, version 1, request r',
    ],
    [
      'a refusal is its code and its message',
      { status: 'error', code: 'STATE_NOT_FOUND', message: "State 'x' not found", state: 'x' },
      "STATE_NOT_FOUND: State 'x' not found",
    ],
    ['what is no reply is shown as it is', { status: 'weird' }, '{"status":"weird"}'],
    [
      'several replies follow each other',
      [
        { status: 'ok', pong: true },
        { status: 'error', code: 'UNKNOWN_COMMAND', message: 'Unknown command' },
      ],
      'pong: true\nUNKNOWN_COMMAND: Unknown command\n2 replies',
    ],
  ])('%s', (_what, reply, drawn) => {
    expect(renderReply(reply, plainLook)).toBe(drawn)
  })
})

describe('colours', () => {
  const look: Look = { ...plainLook, colors: picocolors.createColors(true) }

  it('show refusals in red, with a bold code', () => {
    const drawn = renderReply({ status: 'error', code: 'OVERLOADED', message: 'Overloaded: a queue' }, look)
    expect(drawn).toBe('\u001b[31m\u001b[1mOVERLOADED\u001b[22m: Overloaded: a queue\u001b[39m')
  })

  it('hold back what is besides the point', () => {
    const drawn = renderReply(listed({ id: 1, a: null }), look, 1)
    expect(drawn).toContain('\u001b[2m1 record, version 7, 1.0 ms\u001b[22m')
    expect(drawn).toContain('\u001b[2mnull\u001b[22m')
    expect(drawn).toContain('\u001b[2m│\u001b[22m')
  })

  it('change nothing but the colour', () => {
    const reply = listed({ id: 1, a: null, name: '日本語' }, { id: 2, a: 'x'.repeat(300), name: 'é' })
    for (const width of [undefined, 40, 80]) {
      const drawn = renderReply(reply, { ...look, width })
      expect(stripVTControlCharacters(drawn)).toBe(renderReply(reply, { ...plainLook, width }))
    }
  })
})

describe('control characters', () => {
  it('are escaped, as is what turns the direction of the text', () => {
    expect(escaped('a\n\t\u001b[31m\u007f\u009b\u202e\u2066\u2028\ufeff日é👍\\')).toBe(
      'a\\n\\t\\u001b[31m\\u007f\\u009b\\u202e\\u2066\\u2028\\ufeff日é👍\\',
    )
  })

  const evil = '\u001b]0;owned\u0007\u009b31m\n\u202e'
  it.each<[string, JsonValue]>([
    ['a record', { status: 'ok', records: [{ id: evil, [evil]: { [evil]: evil } }], next: evil, version: 1 }],
    ['a record by itself', { status: 'ok', record: { id: evil, [evil]: [evil] }, version: 1 }],
    ['names of states', { status: 'ok', states: [evil], next: evil }],
    ['anything', { status: 'ok', [evil]: evil, a: { [evil]: evil }, version: evil, revision: evil, request_id: evil }],
    ['a refusal', { status: 'error', code: evil, message: evil }],
    ['what is no reply', evil],
  ])('never get through in %s', (_what, reply) => {
    for (const width of [undefined, 20, 80]) {
      expect(renderReply(reply, { ...plainLook, width }).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    }
  })

  it('are escaped in JSON so that it stays the same JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.constantFrom(0, 2), (value, indent) => {
        const text = escapedJson(value as JsonValue, indent)
        expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
        expect(text.includes('\n') && indent === 0).toBe(false)
        expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(value))
      }),
    )
  })
})
