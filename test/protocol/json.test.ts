// Text from outside: what is JSON text at all, and what is said about what is not. The words quote nothing of the text,
// which may be a secret.
import { describe, expect, it } from 'vitest'
import { parseJson, textOf } from '../../src/protocol/json.ts'
import type { JsonValue } from '../../src/protocol/value.ts'

describe('textOf', () => {
  it('decodes UTF-8', () => {
    expect(textOf(Buffer.from('{"a":"\u20ac\u{1f600}"}'))).toBe('{"a":"\u20ac\u{1f600}"}')
    expect(textOf(Buffer.alloc(0))).toBe('')
  })

  it.each([
    ['a byte that starts nothing', [0xff]],
    ['a character cut in two', [0x22, 0xe2, 0x82, 0x22]],
    ['a character written too long', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['the mark of a routed message', [0xc1, 0x01]],
  ])('refuses %s', (_what, bytes) => {
    expect(textOf(Buffer.from(bytes))).toMatchObject({
      code: 'INVALID_JSON',
      message: 'Invalid JSON: the text is not UTF-8',
    })
  })
})

describe('parseJson', () => {
  it.each<[string, JsonValue]>([
    ['null', null],
    [' [1, 2.5e3, -0.5] ', [1, 2500, -0.5]],
    ['"\\u00e9\\n"', '\u00e9\n'],
    ['{"a":{"b":[]},"a":2}', { a: 2 }],
    ['9007199254740993.5', 9007199254740994],
  ])('parses %s', (text, value) => {
    expect(parseJson(text)).toEqual({ value })
  })

  it.each([
    ['', 'the text is empty'],
    [' \n\t', 'the text is empty'],
    ['\ufeff{}', 'the text begins with a byte-order mark'],
    ['{"a":1}x', 'the text is not JSON at position 7'],
    ['{"a":1}{"b":2}', 'the text is not JSON at position 7'],
    ['{"a":1,}', 'the text is not JSON at position 7'],
    ['[1,2', 'the text ends too early or is not JSON'],
    ['{"a":', 'the text ends too early or is not JSON'],
  ])('refuses %j and says why', (text, reason) => {
    const refused = parseJson(text)
    expect(refused).toMatchObject({ code: 'INVALID_JSON', details: { reason: expect.stringContaining('the text') } })
    // Where an engine of another version counts otherwise, it may say less.
    const said = 'details' in refused ? refused.details.reason : undefined
    expect([
      reason,
      'the text ends too early or is not JSON',
      `the text is not JSON at position ${text.length}`,
    ]).toContain(said)
  })

  it.each([
    'NaN',
    'Infinity',
    '-',
    '01',
    '+1',
    '1.',
    '.5',
    "{'a':1}",
    '{a:1}',
    '/* c */ 1',
    '// c\n1',
    '"a\nb"',
    'undefined',
    '\u0000',
  ])('refuses %j', (text) => {
    expect(parseJson(text)).toMatchObject({ code: 'INVALID_JSON' })
  })

  it.each(['hunter2-secret', '{"password":hunter2}', '{"a":"hunter2}', 'at position 42', '["hunter2" 7]'])(
    'quotes nothing of a text that is not JSON: %j',
    (text) => {
      const { message } = parseJson(text) as { message: string }
      expect(message).toMatch(/^Invalid JSON: the text (is not JSON at position \d+|ends too early or is not JSON)$/)
      expect(message).not.toContain('42')
    },
  )

  it('takes a million nested arrays for what they are, without falling over', () => {
    expect(parseJson('['.repeat(1_000_000))).toMatchObject({ code: 'INVALID_JSON' })
    expect(parseJson(`${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`)).toHaveProperty('value')
  })

  it('refuses an integer that would be rounded', () => {
    expect(parseJson('{"id":9007199254740993}')).toMatchObject({
      code: 'INVALID_REQUEST',
      message: 'Invalid request: the integer 9007199254740993 cannot be held exactly',
    })
  })
})
