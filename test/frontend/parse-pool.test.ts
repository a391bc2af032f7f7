// The pool that takes large messages apart: the same result as in the caller's thread, and a bound on what waits.
import { describe, expect, it, onTestFinished } from 'vitest'
import { defaultLimits } from '../../src/base/limits.ts'
import { silentLog } from '../../src/base/log.ts'
import { ParsePool } from '../../src/frontend/parse-pool.ts'
import { readMessage } from '../../src/protocol/message.ts'

const data = Array.from({ length: 5_000 }, (_, row) => ({ name: `row ${row}`, text: 'é😀' }))
const long = Buffer.from(JSON.stringify({ cmd: 'SET_STATE', state: 'a', data, request_id: 1 }))

function openPool(limits = {}): ParsePool {
  const pool = new ParsePool({ ...defaultLimits, ...limits }, silentLog)
  onTestFinished(() => pool.close())
  return pool
}

describe('a large message', () => {
  it('is taken apart as it would be here, and stays whole', async () => {
    const pool = openPool()
    const copy = Buffer.from(long)
    expect(await pool.takeApart(long)).toEqual(readMessage(long, { commandsMax: 1_000, sliceRows: true }))
    expect(long).toEqual(copy)
  })

  it('may lie in the middle of other bytes', async () => {
    const pool = openPool()
    const within = Buffer.concat([Buffer.alloc(7), long, Buffer.alloc(7)]).subarray(7, 7 + long.length)
    expect(await pool.takeApart(within)).toEqual(readMessage(long, { commandsMax: 1_000, sliceRows: true }))
  })

  it('that is no message is refused as it would be here', async () => {
    const pool = openPool({ commandsPerMessageMax: 3 })
    expect(await pool.takeApart(long.subarray(1))).toMatchObject({ code: 'INVALID_JSON' })
    expect(await pool.takeApart(Buffer.from('[{},{},{},{}]'))).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 3 },
    })
  })
})

describe('a pool', () => {
  it('that has too many messages before it refuses more, and is good for later ones', async () => {
    const pool = openPool()
    const results = await Promise.all(Array.from({ length: 100 }, () => pool.takeApart(long)))
    const refused = results.filter((result) => 'code' in result)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(100)
    for (const result of refused) expect(result).toMatchObject({ code: 'OVERLOADED', details: { what: 'the parser' } })
    expect(await pool.takeApart(long)).toMatchObject({ isArray: false })
  })

  it('that is closed leaves nobody waiting', async () => {
    const pool = openPool()
    const waiting = Array.from({ length: 5 }, () => pool.takeApart(long))
    const settled = Promise.allSettled(waiting)
    await pool.close()
    expect(await settled).toHaveLength(5)
    await expect(pool.takeApart(long)).rejects.toThrow()
  })
})
