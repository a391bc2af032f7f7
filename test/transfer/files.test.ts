// The files around an import: what was read, how far it has come, and that nothing is taken for something else.
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { identityOf, openSource, Sink } from '../../src/transfer/files.ts'
import { type Progress, ProgressFile, type Undertaking } from '../../src/transfer/progress-file.ts'
import { folderOfTest } from '../support/transfers.ts'

async function read(path: string, offset = 0): Promise<string> {
  let text = ''
  for await (const bytes of openSource(path, offset).bytes) text += bytes.toString()
  return text
}

function written(name: string, contents: string | Uint8Array): string {
  const file = join(folderOfTest(), name)
  writeFileSync(file, contents)
  return file
}

describe('a source', () => {
  it('is read from an offset, of a compressed file from one in what it holds', async () => {
    expect(await read(written('a', 'hello'), 2)).toBe('llo')
    expect(await read(written('a.gz', gzipSync('hello')), 2)).toBe('llo')
  })

  it('says that it is not compressed as its name says', async () => {
    const whole = gzipSync('hello '.repeat(100))
    for (const bytes of [Buffer.from('no gzip'), whole.subarray(0, whole.length - 6)]) {
      await expect(read(written('a.gz', bytes))).rejects.toThrow('is not compressed as its name says, or is cut short')
    }
  })

  it.each([
    ['/nowhere/x', "cannot read '/nowhere/x': there is no such file or folder."],
    ['/', "cannot read '/': it is a folder."],
  ])('that cannot be read is named: %s', (path, message) => {
    expect(() => identityOf(path)).toThrow(message)
  })
})

describe('a sink', () => {
  it('shows a file when it is whole, and leaves nothing of one that is not', async () => {
    const file = join(folderOfTest(), 'out')
    const sink = new Sink(file)
    await sink.write('half')
    expect(existsSync(file)).toBe(false)
    await sink.finish()
    expect(readFileSync(file, 'utf8')).toBe('half')
    const other = new Sink(`${file}.gz`)
    await other.write('half')
    other.abandon()
    expect([existsSync(`${file}.gz`), existsSync(`${file}.gz.partial`)]).toEqual([false, false])
  })
})

describe('the progress of an import', () => {
  const progress = { version: 1, offset: 5, line: 2 } as const

  function begun(): { path: string; file: ProgressFile; undertaking: Undertaking } {
    const path = written('rows.jsonl', '{"a":1}\n')
    const identity = identityOf(path) as NonNullable<ReturnType<typeof identityOf>>
    const others = { data_id: 'd', format: 'jsonl', state: null, mode: 'insert', delimiter: ',' }
    const undertaking = { file: identity, ...others }
    const file = new ProgressFile(path)
    expect(file.load(undertaking)).toBeUndefined()
    file.save({ ...progress, undertaking } as unknown as Progress)
    return { path, file, undertaking }
  }

  it('is there until it is removed', () => {
    const { file, undertaking } = begun()
    expect(file.load(undertaking)).toMatchObject({ offset: 5, line: 2 })
    file.remove()
    expect(file.load(undertaking)).toBeUndefined()
  })

  it('is not taken for that of another file, of other data or with other options', () => {
    const { path, file, undertaking } = begun()
    expect(() => file.load({ ...undertaking, mode: 'upsert' })).toThrow('it was begun with other options')
    expect(() => file.load({ ...undertaking, data_id: 'other' })).toThrow('it went to a daemon with other data')
    const changed = (): Undertaking => ({ ...undertaking, file: identityOf(path) as Undertaking['file'] })
    utimesSync(path, 1, 1)
    expect(() => file.load(changed())).toThrow('the file was changed since')
    utimesSync(path, new Date(undertaking.file.modified), new Date(undertaking.file.modified))
    writeFileSync(path, '{"a":2}\n')
    expect(() => file.load(changed())).toThrow('the file was changed since')
  })

  it('that cannot be read is named', () => {
    const { file, undertaking } = begun()
    for (const text of ['{}', '', '{"version":1']) {
      writeFileSync(file.path, text)
      expect(() => file.load(undertaking)).toThrow('holds no progress of an import')
    }
  })
})
