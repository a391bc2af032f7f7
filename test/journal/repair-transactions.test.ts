// What a repair makes of transactions that are not at their end: what a shard has promised, or decided, it goes on to keep.
import { describe, expect, it } from 'vitest'
import { carryOut } from '../../src/journal/repair.ts'
import { type Operation, readOperations, type TransactionStep } from '../../src/protocol/transactions.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { planFor, problemsOf, tampered } from '../support/damaged.ts'
import { type ShardHarness, startedOn } from '../support/shard-harness.ts'
import { freshFile, journalOn } from '../support/sqlite.ts'

const operations = (...ops: JsonObject[]): Operation[] => readOperations(ops, 10) as Operation[]

async function ask(harness: ShardHarness, step: TransactionStep): Promise<JsonObject> {
  const [id = 0] = harness.postEntries([['transaction', '', step as object as JsonValue]])
  await harness.idle()
  return harness.reply(id) as JsonObject
}

/** A shard that has promised its part of one transaction, and decided another. */
async function withOpenTransactions(): Promise<string> {
  const file = freshFile()
  const { harness } = await startedOn(journalOn(file))
  for (const state of ['a', 'b']) {
    await harness.call({ cmd: 'CREATE_STATE', state })
    await harness.call({ cmd: 'SET_RECORD', state, id: 1, data: { name: `Ann of ${state}` } })
  }
  const promised = operations({ cmd: 'PATCH_RECORD', state: 'a', id: 1, data: { name: 'Bob' } })
  const decided = operations({ cmd: 'PATCH_RECORD', state: 'b', id: 1, data: { name: 'Eve' } })
  await ask(harness, {
    step: 'prepare',
    operations: promised,
    part: { transaction: 't', decider: 1, isDecider: false },
  })
  await ask(harness, { step: 'prepare', operations: decided, part: { transaction: 'u', decider: 0, isDecider: true } })
  await ask(harness, { step: 'decide', transaction: 'u', participants: [1] })
  await harness.shard.stop()
  return file
}

async function repaired(file: string) {
  expect(await problemsOf(file)).not.toEqual([])
  const plan = planFor(file)
  await carryOut(plan)
  const { harness } = await startedOn(journalOn(file))
  return { harness, plan }
}

const open = {
  status: 'ok',
  prepared: [{ transaction: 't', decider: 1 }],
  decided: [{ transaction: 'u', participants: [1] }],
}

describe('the repair of a shard with open transactions', () => {
  it('keeps what it has promised and decided, where only the change log is damaged', async () => {
    const file = await withOpenTransactions()
    tampered(file, "UPDATE batches SET bytes = replace(bytes, 'Eve', 'Eva')")
    const { harness } = await repaired(file)
    expect(await ask(harness, { step: 'recovered' })).toEqual(open)
  })

  it('keeps it where something else is lost, so that no half of a transaction results', async () => {
    const file = await withOpenTransactions()
    tampered(file, "UPDATE rows SET bytes = replace(bytes, 'Eve', 'Eva') WHERE tbl = 'records'")
    const { harness, plan } = await repaired(file)
    expect(plan.lost.join()).not.toContain('transaction')
    expect(await ask(harness, { step: 'recovered' })).toEqual(open)
    await ask(harness, { step: 'finish', transaction: 't', isCommitted: true })
    expect(await harness.call({ cmd: 'GET_RECORD', state: 'a', id: 1 })).toMatchObject({ record: { name: 'Bob' } })
  })

  it('serves without what it has promised on something that is lost', async () => {
    const file = await withOpenTransactions()
    tampered(file, "DELETE FROM rows WHERE tbl = 'directory' AND routing_key = 'a'")
    const { harness, plan } = await repaired(file)
    expect(plan.lost.join()).toContain("state 'a'")
    expect(await ask(harness, { step: 'recovered' })).toEqual({ ...open, prepared: [] })
  })

  it('names a promise that is lost itself', async () => {
    const file = await withOpenTransactions()
    tampered(file, "UPDATE rows SET bytes = replace(bytes, 'Bob', 'Rob') WHERE tbl = 'prepared'")
    const { harness, plan } = await repaired(file)
    expect(plan.lost).toContain('the prepared transaction t')
    expect(await ask(harness, { step: 'recovered' })).toEqual({ ...open, prepared: [] })
  })
})
