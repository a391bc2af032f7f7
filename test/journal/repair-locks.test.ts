// What a repair makes of locks and their tokens: no token that was ever granted is good again where anything was lost.
import { describe, expect, it } from 'vitest'
import { carryOut } from '../../src/journal/repair.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { planFor, problemsOf, tampered } from '../support/damaged.ts'
import { startedOn } from '../support/shard-harness.ts'
import { freshFile, journalOn } from '../support/sqlite.ts'

describe('the repair of a shard with locks', () => {
  async function withLock() {
    const file = freshFile()
    const { harness } = await startedOn(journalOn(file))
    await harness.call({ cmd: 'CREATE_STATE', state: 'leads' })
    await harness.call({ cmd: 'SET_RECORD', state: 'leads', id: 1, data: { name: 'Ann' } })
    const { token } = (await harness.call({ cmd: 'TRY_LOCK', lock: 'deploy', owner: 'w1' })) as JsonObject
    await harness.shard.stop()
    return { file, token: Number(token) }
  }

  const served = async (file: string) => {
    expect(await problemsOf(file)).not.toEqual([])
    const plan = planFor(file)
    await carryOut(plan)
    const { harness } = await startedOn(journalOn(file))
    return { harness, plan }
  }

  it('lets nobody hold one, and refuses every token, where anything was lost', async () => {
    const { file, token } = await withLock()
    tampered(file, "UPDATE rows SET bytes = replace(bytes, 'Ann', 'Eve')")
    const { harness, plan } = await served(file)
    expect(plan.lost).toContain('1 locks: nobody holds one any more, and every token so far is refused')
    const write = { cmd: 'SET_RECORD', state: 'leads', id: 2, data: { name: 'Bob' } }
    expect(await harness.call({ ...write, fence: { lock: 'deploy', token } })).toMatchObject({ code: 'FENCED' })
    const next = (await harness.call({ cmd: 'TRY_LOCK', lock: 'deploy', owner: 'w2' })) as JsonObject
    expect(next).toMatchObject({ acquired: true })
    expect(Number(next.token)).toBeGreaterThan(token)
    expect(await harness.call({ ...write, fence: { lock: 'deploy', token: Number(next.token) } })).toMatchObject({
      status: 'ok',
    })
  })

  it('refuses every token, also where nothing is left that says how many there were', async () => {
    const { file, token } = await withLock()
    tampered(file, "DELETE FROM rows WHERE tbl = 'locks' OR key = 'tokens'")
    const { harness } = await served(file)
    const next = (await harness.call({ cmd: 'TRY_LOCK', lock: 'other', owner: 'w2' })) as JsonObject
    expect(Number(next.token)).toBeGreaterThan(token)
  })

  it('leaves its holder alone where only the change log is damaged', async () => {
    const { file, token } = await withLock()
    tampered(file, "UPDATE batches SET bytes = replace(bytes, 'Ann', 'Eve')")
    const { harness } = await served(file)
    expect(await harness.call({ cmd: 'GET_LOCK', lock: 'deploy' })).toMatchObject({ held: true, owner: 'w1', token })
  })
})
