// Files that are not what they should be, rows that are refused, and imports that are ended and go on.
import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connect, type JsonObject } from '../../src/client/index.ts'
import type { Progress } from '../../src/transfer/progress-file.ts'
import { daemonOfTest } from '../support/holdfast.ts'
import { suiteDaemon } from '../support/suite-daemon.ts'
import { exported, folderOfTest, type Imported, imported, jsonLines } from '../support/transfers.ts'

const daemon = suiteDaemon()
const header = { holdfast_export: 1 }

async function fresh(state: string, ...records: readonly JsonObject[]): Promise<void> {
  await daemon.client.call({ cmd: 'DELETE_STATE', state }).catch(() => {})
  await daemon.client.call({ cmd: 'CREATE_STATE', state })
  for (const data of records) await daemon.client.call({ cmd: 'CREATE_RECORD', state, data })
}

async function recordsOf(state: string): Promise<unknown> {
  return (await daemon.client.call({ cmd: 'LIST_RECORDS', state })).records
}

describe('a file that is no import', () => {
  const folder = () => folderOfTest()
  it.each([
    ['records without the name of a table', jsonLines({ name: 'Ann' }), {}, 'the file does not begin like an export'],
    ['something else than JSON', 'hello\n', {}, 'the file does not begin like an export'],
    ['an export of another version', jsonLines({ holdfast_export: 2 }), {}, 'the format has version 2'],
    ['an export where records are expected', jsonLines(header), { state: 'a' }, 'names its states itself'],
    ['two exports in one', jsonLines(header, { end: {} }, header), {}, 'line 3 is the first line of another'],
    ['CSV without a first line', '', { state: 'a', format: 'csv' } as const, 'does not name the fields'],
    ['CSV with one field twice', 'a,b,a\n', { state: 'a', format: 'csv' } as const, "the field 'a' twice"],
  ])('is refused as a whole: %s', async (_what, text, options, message) => {
    await expect(imported(daemon.client, folder(), text, options)).rejects.toThrow(message)
  })

  it('is refused where the table is a state of another kind', async () => {
    await daemon.client.call({ cmd: 'CREATE_STATE', state: 'some-keys', kind: 'keys' })
    const importing = imported(daemon.client, folder(), '{"a":1}\n', { state: 'some-keys' })
    await expect(importing).rejects.toThrow("State 'some-keys' is of kind 'keys'")
  })

  it('is told to be cut short, or to lack lines, once all that there is is in', async () => {
    await fresh('cut')
    const lines = [header, { state: 'cut', kind: 'table' }, { record: { id: 1, a: 1 } }, { record: { id: 2, a: 2 } }]
    const short = await imported(daemon.client, folder(), jsonLines(...lines))
    expect(short.problem).toBe('the file is cut short: its last line is missing')
    expect(await recordsOf('cut')).toHaveLength(2)
    const lacking = await imported(daemon.client, folder(), jsonLines(...lines, { end: { states: 1, records: 3 } }))
    expect(lacking.problem).toBe('lines are missing or too many: the last one tells of 3 records and 2 were found')
    const torn = await imported(daemon.client, folder(), jsonLines(...lines, { end: {} }).slice(0, -10))
    expect(torn).toMatchObject({
      problem: expect.stringContaining('cut short'),
      refused: [{ line: 5, code: 'INVALID_JSON' }],
    })
  })
})

describe('a line that is refused', () => {
  const bad: [string, string | Buffer, string, RegExp][] = [
    ['no JSON', '{"record":{"a":1}', 'INVALID_JSON', /JSON/],
    ['no object', '[1]', 'INVALID_REQUEST', /must be a JSON object/],
    ['of an unknown kind', '{"recrod":{}}', 'INVALID_REQUEST', /a line must have/],
    ['a record that is none', '{"record":5}', 'INVALID_REQUEST', /'record' must be an object/],
    ['an integer that nobody can hold', '{"record":{"a":9007199254740993}}', 'INVALID_REQUEST', /9007199254740993/],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'INVALID_REQUEST', /not UTF-8/],
    ['a key in a table', '{"key":"a","value":1}', 'WRONG_KIND', /of kind 'table'/],
    ['of other fields', '{"record":{"b":1}}', 'SCHEMA_MISMATCH', /missing/],
    ['of a forbidden field', '{"record":{"__proto__":1}}', 'INVALID_REQUEST', /__proto__/],
    ['a lone surrogate', '{"record":{"a":"\\ud800"}}', 'INVALID_REQUEST', /well-formed|surrogate/],
    ['too deep', `{"record":{"a":${'['.repeat(70)}${']'.repeat(70)}}}`, 'INVALID_REQUEST', /deep|64/],
    ['of a bad id', '{"record":{"id":1.5,"a":1}}', 'INVALID_REQUEST', /id/],
    ['larger than a record may be', `{"record":{"a":"${'x'.repeat(300_000)}"}}`, 'LIMIT_EXCEEDED', /record/],
    ['of a record that is there and differs', '{"record":{"id":1,"a":2}}', 'RECORD_EXISTS', /1/],
    ['a state of another kind', '{"state":"bad","kind":"keys"}', 'WRONG_KIND', /kind/],
    [
      'a state with options that it has not',
      '{"state":"bad","kind":"keys","max_length":1}',
      'INVALID_REQUEST',
      /no 'max_length'/,
    ],
    [
      'a state with a bad schema',
      '{"state":"bad-2","kind":"table","schema":{"type":"strin"}}',
      'INVALID_DEFINITION',
      /schema|type/,
    ],
  ]

  it.each(bad)('is named, and the others are not touched: %s', async (_what, line, code, message) => {
    const folder = folderOfTest()
    await fresh('bad', { a: 1 })
    const before = jsonLines(header, { state: 'bad', kind: 'table' }, { record: { id: 7, a: 7 } })
    const after = jsonLines({ state: 'bad', kind: 'table' }, { record: { id: 8, a: 8 } }, { end: {} })
    const text = Buffer.concat([Buffer.from(before), Buffer.from(line as string), Buffer.from(`\n${after}`)])
    const result = await imported(daemon.client, folder, text)
    expect(result.refused).toMatchObject([{ line: 4, code, message: expect.stringMatching(message) }])
    expect(result).toMatchObject({ stop: undefined, counts: { records: 2, refused: 1 } })
    expect(await recordsOf('bad')).toEqual([
      { id: 1, a: 1 },
      { id: 7, a: 7 },
      { id: 8, a: 8 },
    ])
  })

  it('stands in the file of refused rows, which can be mended and imported', async () => {
    const folder = folderOfTest()
    await fresh('mend', { a: 1 })
    const lines = [
      header,
      { state: 'mend', kind: 'table' },
      { record: { id: 2, b: 2 } },
      { record: { id: 3, a: 3 } },
      { end: { records: 2 } },
    ]
    const { rejected = '' } = await imported(daemon.client, folder, jsonLines(...lines))
    expect(rejected.split('\n')[2]).toMatch(
      /^\{"record":\{"id":2,"b":2\},"rejected":\{"line":3,"code":"SCHEMA_MISMATCH",/,
    )
    const mended = await imported(daemon.client, folderOfTest(), rejected.replace('"b":2', '"a":2'))
    expect(mended).toMatchObject({ problem: undefined, refused: [], counts: { records: 1 } })
    expect(await recordsOf('mend')).toEqual([
      { id: 1, a: 1 },
      { id: 3, a: 3 },
      { id: 2, a: 2 },
    ])
    const bare = await imported(daemon.client, folder, '{"b":1}\nno json\n', { state: 'mend' })
    expect(bare.rejected?.split('\n').slice(1, 4)).toEqual([
      '{"state":"mend","kind":"table"}',
      expect.stringMatching(/^\{"record":\{"id":\d+,"b":1\},"rejected":/),
      expect.stringMatching(/^\{"text":"no json","rejected":\{"line":2,"code":"INVALID_JSON"/),
    ])
  })

  it('ends the import where it shall stop, which then begins again with that row', async () => {
    const folder = folderOfTest()
    await fresh('stop')
    const text = `${'{"a":1}\n'.repeat(3)}{"b":1}\n{"a":1}\n`
    const stopped = await imported(daemon.client, folder, text, { state: 'stop', onError: 'stop' })
    expect(stopped).toMatchObject({ stop: { by: 'refusal' }, line: 1, refused: [{ line: 4, code: 'SCHEMA_MISMATCH' }] })
    const progress = { version: 1 as const, undertaking: {} as never, ...(stopped.progress as object) } as never
    const result = await imported(daemon.client, folder, text, { state: 'stop', progress })
    expect(result).toMatchObject({ stop: undefined, counts: { refused: 1 }, refused: [{ line: 4 }] })
    expect(await recordsOf('stop')).toEqual([1, 2, 3, 5].map((id) => ({ id, a: 1 })))
  })

  it('that is longer than a message is left out without being held', async () => {
    const folder = folderOfTest()
    await fresh('long')
    const text = Buffer.concat([
      Buffer.from('{"a":1}\n'),
      Buffer.alloc(17 * 1024 * 1024, 'x'),
      Buffer.from('\n{"a":2}'),
    ])
    const result = await imported(daemon.client, folder, text, { state: 'long' })
    expect(result.refused).toMatchObject([{ line: 2, code: 'LIMIT_EXCEEDED' }])
    expect(await recordsOf('long')).toEqual([
      { id: 1, a: 1 },
      { id: 2, a: 2 },
    ])
  })
})

describe('the mode', () => {
  const lines = (...records: JsonObject[]) =>
    jsonLines(header, { state: 'mode', kind: 'table' }, ...records.map((record) => ({ record })), { end: {} })

  it('insert takes a row that is there just so for written', async () => {
    await fresh('mode', { a: { b: [1, 'x'] } })
    const result = await imported(
      daemon.client,
      folderOfTest(),
      lines({ a: { b: [1, 'x'] }, id: '1' }, { id: 1, a: 2 }),
    )
    expect(result).toMatchObject({
      counts: { unchanged: 1, refused: 1 },
      refused: [{ line: 4, code: 'RECORD_EXISTS' }],
    })
  })

  it('upsert writes over what is there, and replace leaves nothing else', async () => {
    await fresh('mode', { a: 1 }, { a: 2 })
    await imported(daemon.client, folderOfTest(), lines({ id: 2, a: 22 }), { mode: 'upsert' })
    expect(await recordsOf('mode')).toEqual([
      { id: 1, a: 1 },
      { id: 2, a: 22 },
    ])
    await imported(daemon.client, folderOfTest(), lines({ id: 5, other: true }), { mode: 'replace' })
    expect(await recordsOf('mode')).toEqual([{ id: 5, other: true }])
    await imported(daemon.client, folderOfTest(), 'other\nfalse\n', { mode: 'replace', format: 'csv', state: 'mode' })
    expect(await recordsOf('mode')).toEqual([{ id: 1, other: false }])
  })
})

describe('ids', () => {
  it('are given to records that have none, in their order, and never one that somebody else gets', async () => {
    await fresh('ids', { a: 0 })
    const text = '{"a":1}\n{"id":"x","a":2}\n{"a":3}\n'
    const [result] = await Promise.all([
      imported(daemon.client, folderOfTest(), text, { state: 'ids' }),
      ...Array.from({ length: 20 }, (_, index) =>
        daemon.client.call({ cmd: 'CREATE_RECORD', state: 'ids', data: { a: -index } }),
      ),
    ])
    expect(result).toMatchObject({ refused: [], counts: { records: 3 } })
    const records = (await recordsOf('ids')) as { id: number | string; a: number }[]
    expect(records).toHaveLength(24)
    const mine = records.filter(({ a }) => a > 0)
    expect(mine.map(({ a }) => a)).toEqual([1, 2, 3])
    expect(mine[2]?.id).toBe((mine[0]?.id as number) + 1)
  })
})

describe('an import that goes on', () => {
  it('sends records without an id under the ids that they had', async () => {
    await fresh('again')
    const text = jsonLines(...Array.from({ length: 50 }, (_, index) => ({ n: index })))
    const kept: Imported['progress'][] = []
    const save = (so: Imported['progress']): void => void kept.push(structuredClone(so))
    expect(await imported(daemon.client, folderOfTest(), text, { state: 'again', save })).toMatchObject({ refused: [] })
    // As if it had been killed when all was in, and before it could say so.
    const progress = { version: 1, undertaking: {}, ...kept[0] } as unknown as Progress
    const result = await imported(daemon.client, folderOfTest(), text, { state: 'again', progress })
    expect(result).toMatchObject({ refused: [], counts: { records: 0, unchanged: 50 } })
    expect(await recordsOf('again')).toHaveLength(50)
  })

  it('has come as far as every row before is settled, whatever was answered behind', async () => {
    await fresh('order', { n: 0 })
    const rows = Array.from({ length: 20_000 }, (_, index) => ({ id: index + 10, n: index }))
    const bad = { id: 1, other: true }
    const text = jsonLines(...rows.slice(0, 12_000), bad, ...rows.slice(12_000))
    const result = await imported(daemon.client, folderOfTest(), text, { state: 'order', onError: 'stop' })
    expect(result.stop).toEqual({ by: 'refusal' })
    expect(result.line).toBeGreaterThan(1)
    expect(result.line).toBeLessThanOrEqual(12_001)
    expect(result.progress?.line).toBe(result.line)
  })
})

describe('a dry run', () => {
  it('looks at every line and needs no daemon', async () => {
    const lines = [
      header,
      { state: 'dry', kind: 'table' },
      { record: { a: 1 } },
      { record: 5 },
      { end: { records: 2 } },
    ]
    const result = await imported(undefined, folderOfTest(), jsonLines(...lines))
    expect(result).toMatchObject({ counts: { records: 1, refused: 1 }, refused: [{ line: 4 }] })
    expect(await daemon.client.states({ prefix: 'dry' })).toEqual([])
  })
})

describe('an export', () => {
  it('of a state that is written to meanwhile says so, or fails if it shall be one moment', async () => {
    const folder = folderOfTest()
    await fresh('busy', ...Array.from({ length: 300 }, (_, index) => ({ a: index })))
    let writes = 0
    const onRows = (): void => {
      writes += 1
      void daemon.client.call({ cmd: 'PATCH_RECORD', state: 'busy', id: 300, data: { a: -writes } })
    }
    const { report, lines } = await exported(daemon.client, folder, { states: ['busy'], onRows })
    expect(report).toMatchObject({ records: 300, changed_while_read: ['busy'] })
    expect(lines.at(-1)).toMatchObject({ end: { records: 300, changed_while_read: ['busy'] } })
    const strict = exported(daemon.client, folder, { states: ['busy'], onRows, oneMoment: true })
    await expect(strict).rejects.toThrow("'busy' was written to while it was read")
  })

  it('reads large records in small pages', async () => {
    const folder = folderOfTest()
    const a = 'x'.repeat(250_000)
    await fresh('large', ...Array.from({ length: 12 }, () => ({ a })))
    const { report } = await exported(daemon.client, folder, { states: ['large'] })
    expect(report).toMatchObject({ records: 12, changed_while_read: [] })
  })
})

describe('a daemon that goes away for good', () => {
  it('interrupts the import, which goes on where it was with the next one', async () => {
    const gone = await daemonOfTest()
    const client = await connect(gone.endpoint, { timeoutMs: 500 })
    onTestFinished(() => client.close())
    const text = jsonLines(...Array.from({ length: 60_000 }, (_, index) => ({ n: index })))
    // More than can be on the way at a time, so that not all of them can have been answered.
    let isEnded = false
    const onRows = (rows: number): void => {
      if (rows < 9_000 || isEnded) return
      isEnded = true
      void gone.program.end()
    }
    const result = await imported(client, folderOfTest(), text, { state: 'rows', onRows })
    expect(result.stop).toMatchObject({ by: 'daemon', error: { code: expect.stringMatching(/NOT_|OUTCOME_UNKNOWN/) } })
    expect(result.progress?.line).toBe(result.line)
    expect(result.line).toBeLessThan(60_000)
  }, 60_000)
})

describe('docs/import-export.md', () => {
  it('shows an export that can be imported', async () => {
    const document = readFileSync('docs/import-export.md', 'utf8')
    const example = /```jsonl\n(.*?)```/s.exec(document)?.[1] ?? ''
    for (const state of ['leads', 'sessions', 'orders']) await fresh(state)
    const result = await imported(daemon.client, folderOfTest(), example, { mode: 'replace' })
    expect(result).toMatchObject({ problem: undefined, refused: [], counts: { records: 2, keys: 3, instances: 1 } })
    const { lines } = await exported(daemon.client, folderOfTest(), { states: ['leads', 'sessions', 'orders'] })
    const shown = example
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JsonObject)
    // A list of three small items needs one line only.
    const kinds = (all: readonly JsonObject[]) =>
      all.filter(({ items }) => items === undefined).map((line) => Object.keys(line)[0])
    expect(kinds(lines)).toEqual(kinds(shown))
  })
})
