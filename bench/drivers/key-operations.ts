// What is done with keys, counters and lists, over whichever keyspace it is given: that of a daemon, or of an engine in this
// process.
import type { Keys } from '../../src/client/index.ts'
import type { Operation } from '../support/load.ts'
import { expectSame, forEachNumber, keyName, keyValue, listName, randomNumbers, Versions } from '../support/workload.ts'

interface KeyOptions {
  readonly records: number
  readonly recordsUsed: number
  readonly ttlMs: number | undefined
}

/** Calls that are in flight while a keyspace is filled. */
const fillingAtATime = 4_096
const itemsInList = 1_000

export function keyOperations(
  keys: Keys<number | string>,
  { records, recordsUsed, ttlMs }: KeyOptions,
): Record<string, Operation> {
  const nextId = randomNumbers(recordsUsed)
  const versions = new Versions(records)
  let turn = 0
  return {
    async fillKeys() {
      await forEachNumber(records, fillingAtATime, (id) => keys.set(keyName(id), keyValue(id, 1), { ttlMs }))
      await forEachNumber(itemsInList, fillingAtATime, (id) => keys.listPush(listName, keyValue(id, 1)))
      expectSame('a value', await keys.get(keyName(1)), keyValue(1, 1))
      expectSame('the length of the list', await keys.listLength(listName), itemsInList)
    },
    setKey: () => {
      const id = nextId()
      return keys.set(keyName(id), keyValue(id, 1), { ttlMs })
    },
    getKey: () => keys.get(keyName(nextId())),
    increment: () => keys.increment(`counter:${nextId()}`),
    compareAndSet: () => {
      const { id, version } = versions.next()
      return keys.compareAndSet(keyName(id), version, keyValue(id, version + 1))
    },
    pushPop: () => {
      turn += 1
      return turn % 2 === 0 ? keys.listPop(listName, { end: 'first' }) : keys.listPush(listName, keyValue(turn, 1))
    },
  }
}
