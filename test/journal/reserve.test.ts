// The reserve where there is room enough, or no way to a file at all. On a disk that is full: disk-full.test.ts.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Reserve } from '../../src/journal/reserve.ts'
import { folderOfTest } from '../support/sqlite.ts'

describe('the reserve', () => {
  it('has really taken its room, and has none after it was given up', () => {
    const path = join(folderOfTest(), 'shard-0.reserve')
    const reserve = new Reserve(path, 100_000)
    expect(reserve.build()).toBe(true)
    const { size, blocks, mode } = statSync(path)
    expect(size).toBe(100_000)
    expect(blocks * 512).toBeGreaterThanOrEqual(size)
    expect(mode & 0o077).toBe(0)
    reserve.giveUp()
    expect(statSync(path).size).toBe(0)
    expect(reserve.given).toBe(100_000)
    reserve.buildPartly(30_000)
    reserve.buildPartly(40_000)
    expect(statSync(path).size).toBe(70_000)
    reserve.buildPartly(40_000)
    expect(statSync(path).size).toBe(100_000)
    expect(reserve.given).toBe(0)
  })

  it('is no more than absent where a file can be neither made nor written', () => {
    const reserve = new Reserve(join(folderOfTest(), 'nowhere', 'shard-0.reserve'), 100_000)
    expect(reserve.build()).toBe(false)
    reserve.giveUp()
    reserve.buildPartly(1)
    expect(reserve.given).toBe(0)
  })
})
