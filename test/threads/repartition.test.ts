// Spreading a folder over another number of shards where transactions over several of them had not come to their end: the
// shards that there were bring them to it first.
import { expect, it, onTestFinished } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { openEngine } from '../../src/engine.ts'
import { databaseFile, openFolder } from '../../src/journal/folder.ts'
import { readOperations, type TransactionStep } from '../../src/protocol/transactions.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'
import { InlineShards } from '../support/inline-shards.ts'
import { namesOnShard } from '../support/shards.ts'
import { folderOfTest, journalOn } from '../support/sqlite.ts'

it('keeps what was promised and decided, and takes back what was promised and never decided', async () => {
  const data = folderOfTest()
  openFolder(data, 2).release()
  const inline = await InlineShards.started(2, (shard) => journalOn(databaseFile(data, shard)))
  const step = (shard: number, body: TransactionStep): Promise<unknown> =>
    new Promise((respond) => {
      inline.mailboxes[shard]?.submit({
        sentAs: 'transaction',
        routingKey: '',
        body: body as object as JsonValue,
        bytes: 0,
        respond,
        refuse: respond,
      })
    })
  const names = [0, 1].map((shard) => namesOnShard(shard, 2, 2))
  const set = (state: string): JsonObject => ({ cmd: 'SET_KEY', state, key: 'k', value: 'set' })
  // Of each transaction a part on either shard; the first is decided, and its participant has not heard of it.
  for (const [index, transaction] of ['decided-1', 'undecided-1'].entries()) {
    for (const shard of [0, 1]) {
      const operations = readOperations([set(names[shard]?.[index] as string)], 10)
      if ('code' in operations) throw new Error(operations.message)
      const part = { transaction, decider: 0, isDecider: shard === 0 }
      expect(await step(shard, { step: 'prepare', operations, part })).toMatchObject({ status: 'ok' })
    }
  }
  await step(0, { step: 'decide', transaction: 'decided-1', participants: [1] })
  await inline.stop()

  const messages: string[] = []
  const log = { ...silentLog, info: (_: object, message: string) => messages.push(message) }
  const engine = await openEngine({ data, shards: 3, log })
  onTestFinished(() => engine.close())
  const found = await Promise.all(
    [names.map(([first]) => first), names.map(([, second]) => second)].flat().map(async (state = '') => {
      const { value } = await engine.call({ cmd: 'GET_KEY', state, key: 'k' })
      return value
    }),
  )
  expect(found).toEqual(['set', 'set', null, null])
  expect(messages[0]).toBe('transactions are brought to their end first')
  expect(await engine.call({ cmd: 'HELLO' })).toMatchObject({ shards: 3 })
}, 60_000)
