// A file cut into chunks of whole lines: the same chunks however its bytes arrive, and never more of it held than a chunk and
// a line.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Chunk, type ChunkOptions, chunksOf } from '../../src/transfer/chunks.ts'

const options: ChunkOptions = {
  format: 'jsonl',
  delimiter: ',',
  offset: 0,
  line: 1,
  chunkBytes: 8,
  lineBytesMax: 20,
  headAlone: false,
}

async function cut(
  text: string,
  more: Partial<ChunkOptions> = {},
  size = Math.max(1, Buffer.byteLength(text)),
): Promise<Chunk[]> {
  const bytes = Buffer.from(text)
  async function* pieces(): AsyncGenerator<Buffer, void, void> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  return all(chunksOf(pieces(), { ...options, ...more }))
}

async function all(chunks: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const found: Chunk[] = []
  for await (const chunk of chunks) found.push(chunk)
  return found
}

function texts(chunks: readonly Chunk[]): string[] {
  return chunks.map(({ bytes }) => Buffer.from(bytes).toString())
}

describe('chunks', () => {
  it('end with the first line behind their size, and say where they stand', async () => {
    const chunks = await cut('1234\n5678\nab\ncdefghij\nk')
    expect(texts(chunks)).toEqual(['1234\n5678\n', 'ab\ncdefghij\n', 'k'])
    expect(chunks.map(({ end, firstLine, nextLine }) => [end, firstLine, nextLine])).toEqual([
      [10, 1, 3],
      [22, 3, 5],
      [23, 5, 6],
    ])
  })

  it('are the same however the bytes arrive, and from the end of any of them on', async () => {
    const lines = fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\u00e9'), maxLength: 30 }), {
      maxLength: 12,
    })
    const property = fc.asyncProperty(
      lines,
      fc.constantFrom('jsonl', 'csv'),
      fc.integer({ min: 1, max: 7 }),
      fc.nat(),
      async (given, format, size, which) => {
        const text = given.map((line) => `${line}\n`).join('')
        const whole = await cut(text, { format })
        expect(await cut(text, { format }, size)).toEqual(whole)
        if (whole.length === 0) return
        const from = which % whole.length
        const { end: offset, nextLine: line } = whole[from] as Chunk
        const rest = Buffer.from(text).subarray(offset).toString()
        expect(await cut(rest, { format, offset, line })).toEqual(whole.slice(from + 1))
      },
    )
    await fc.assert(property, { numRuns: 100 })
  })

  it('leave a line that is too long out, wherever it stands, and go on behind it', async () => {
    const long = 'x'.repeat(21)
    for (const size of [1, 3, 100]) {
      const chunks = await cut(`ab\n${long}\ncd\n`, {}, size)
      expect(texts(chunks)).toEqual(['ab\n', '', 'cd\n'])
      expect(chunks.map(({ overlong }) => overlong)).toEqual([undefined, 2, undefined])
      expect(chunks.map(({ end, firstLine }) => [end, firstLine])).toEqual([
        [3, 1],
        [25, 2],
        [28, 3],
      ])
      expect(await cut(long, {}, size)).toMatchObject([{ overlong: 1, end: 21 }])
    }
  })

  it('begin behind a byte-order mark', async () => {
    for (const size of [1, 2, 100]) {
      const chunks = await cut('\ufeffid,a\n1,2\n', { format: 'csv', headAlone: true }, size)
      expect(texts(chunks)).toEqual(['id,a\n', '1,2\n'])
      expect(chunks.map(({ end }) => end)).toEqual([8, 12])
    }
    expect(texts(await cut('ab'))).toEqual(['ab'])
  })

  it('keep the newlines within quotes, and count them', async () => {
    const chunks = await cut('a,"1\n2\n3"\nb\n12345678\n', { format: 'csv' })
    expect(chunks.map(({ firstLine, nextLine }) => [firstLine, nextLine])).toEqual([
      [1, 4],
      [4, 6],
    ])
  })
})
