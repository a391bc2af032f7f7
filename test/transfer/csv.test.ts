// Tables as CSV: what a cell stands for, where a record ends, and that whatever is written is read back as it was.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import {
  type Cell,
  type Column,
  cellOf,
  columnsOf,
  csvLine,
  RecordEnds,
  readCells,
  recordOf,
} from '../../src/transfer/csv.ts'
import { parseChunk } from '../../src/transfer/parse.ts'

function columns(...fields: string[]): Column[] {
  return columnsOf(fields, undefined)
}

/** The value that a line of one cell stands for. */
function valueOfLine(line: string, shape = columns('a')): JsonValue | undefined {
  const layout = { type: 'csv', columns: shape, delimiter: ',' } as const
  const [[, entry] = []] = parseChunk({ bytes: Buffer.from(line), firstLine: 1, layout })
  return entry?.type === 'record' ? entry.data.a : entry?.type === 'bad' ? entry.message : undefined
}

describe('a cell', () => {
  it.each<[string, JsonValue]>([
    ['Ann', 'Ann'],
    ['12', 12],
    ['-1.50', -1.5],
    ['1e3', 1000],
    ['007', '007'],
    ['+4', '+4'],
    ['.5', '.5'],
    ['1,', 'Invalid request: the row has 2 cells, and the first line names 1'],
    ['9007199254740993', '9007199254740993'],
    ['1e400', '1e400'],
    ['true', true],
    ['TRUE', 'TRUE'],
    ['null', null],
    ['"null"', null],
    ['"""null"""', 'null'],
    ['""', ''],
    ['"12"', 12],
    ['"""12"""', '12'],
    ['"[1,{""a"":null}]"', [1, { a: null }]],
    ['[1', '[1'],
    ['"a,""b"""', 'a,"b"'],
    ['"two\nlines"', 'two\nlines'],
    [' padded ', ' padded '],
    ['2026-11-21', '2026-11-21'],
    ['"open', 'Invalid request: the quote of cell 1 is never closed'],
    ['a"b', 'Invalid request: cell 1 has a quote and does not begin with one'],
    ['"a"b', "Invalid request: behind the quote of cell 1 there is something else than ','"],
  ])('of %j stands for %j', (line, value) => {
    expect(valueOfLine(line)).toEqual(value)
    expect(valueOfLine(`${line}\r\n`)).toEqual(value)
  })

  it('is text where the schema of the table says so, and left out where the field may be', () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } } }
    expect(valueOfLine('12', columnsOf(['a'], { ...schema, required: ['a'] }))).toBe('12')
    const empty = [{ text: '', isQuoted: false }]
    expect(recordOf(empty, columnsOf(['a'], { ...schema, required: ['a'] }))).toMatchObject({ data: { a: '' } })
    expect(recordOf(empty, columnsOf(['a'], schema))).toEqual({ type: 'record', data: {} })
    expect(recordOf(empty, columns('a'))).toMatchObject({ data: { a: null } })
    expect(valueOfLine('""', columnsOf(['a'], schema))).toBe('')
  })

  it('of the field id that is empty leaves the id to be given', () => {
    const cells = readCells(',Ann', ',') as Cell[]
    const found = recordOf(cells, columns('id', 'a'))
    expect(found).toEqual({ type: 'record', data: { a: 'Ann' } })
  })
})

const odd = fc.constantFrom(
  '',
  '"',
  '""',
  ',',
  '\n',
  '\r\n',
  '\r',
  '\ufeffa',
  'null',
  'true',
  '1',
  '-',
  '1e5',
  '[',
  '{}',
  '"x"',
  '\0',
  '\u2028',
)
const text = fc.oneof({ weight: 3, arbitrary: fc.string({ unit: 'grapheme' }) }, odd, fc.string())
const value = fc.oneof(
  text,
  fc.jsonValue({ maxDepth: 3 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
)

/** As JSON shows it, without the minus of nought. */
function plain(given: unknown): JsonObject {
  return JSON.parse(JSON.stringify(given)) as JsonObject
}

describe('a record', () => {
  it('is read back as it was written, whatever is in it and whatever separates its cells', () => {
    const property = fc.property(
      fc.array(fc.record({ id: fc.oneof(fc.maxSafeInteger(), text), a: value, b: value }), { maxLength: 5 }),
      fc.constantFrom(',', ';', '\t', '|', ' '),
      (records, delimiter) => {
        const shape = columns('id', 'a', 'b')
        const lines = records.map((record) => csvLine(plain(record), shape, delimiter)).join('')
        const bytes = Buffer.from(lines)
        const read = parseChunk({ bytes, firstLine: 2, layout: { type: 'csv', columns: shape, delimiter } })
        expect(read.map(([, entry]) => (entry.type === 'record' ? entry.data : entry))).toEqual(records.map(plain))
      },
    )
    fc.assert(property, { numRuns: 300 })
  })

  it('is read back with the types of a schema, fields that are missing included', () => {
    const schema = {
      type: 'object',
      properties: { s: { type: 'string' }, o: { type: 'string' }, n: { type: ['string', 'null'] }, x: {} },
      required: ['s', 'n'],
    }
    const shape = columnsOf(['id', 's', 'o', 'n', 'x'], schema)
    const record = fc.record(
      { id: fc.nat(), s: text, o: text, n: fc.oneof(text, fc.constant(null)), x: value },
      { requiredKeys: ['id', 's', 'n'] },
    )
    const property = fc.property(record, (given) => {
      const layout = { type: 'csv', columns: shape, delimiter: ',' } as const
      const [[, entry] = []] = parseChunk({
        bytes: Buffer.from(csvLine(plain(given), shape, ',')),
        firstLine: 1,
        layout,
      })
      expect(entry).toEqual({ type: 'record', data: plain(given) })
    })
    fc.assert(property, { numRuns: 300 })
  })
})

describe('the ends of records', () => {
  it('are the same however the bytes are cut', () => {
    const property = fc.property(
      fc.array(fc.array(text, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (rows, sizes) => {
        const [, ...shape] = columns('x', 'a', 'b', 'c')
        const bytes = Buffer.from(
          rows.map((row) => `${row.map((cell, at) => cellOf(cell, shape[at] as Column, ',')).join(',')}\n`).join(''),
        )
        const whole = endsOf([bytes])
        const pieces: Buffer[] = []
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value as number
          pieces.push(bytes.subarray(at, at + size))
          at += size
        }
        expect(endsOf(pieces)).toEqual(whole)
        expect(whole).toHaveLength(rows.length)
      },
    )
    fc.assert(property, { numRuns: 200 })
  })
})

function endsOf(pieces: readonly Buffer[]): number[] {
  const ends = new RecordEnds(',')
  const found: number[] = []
  let before = 0
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const end = ends.next(piece, at)
      if (end < 0) break
      found.push(before + end)
      at = end
    }
    before += piece.length
  }
  return found
}
