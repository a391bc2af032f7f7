// The operations of keys, counters and lists, spread over many keyspaces, as a program has them that keeps a state for each
// of its tasks; and transactions over two of them, on one shard or on two.
import type { Redis } from 'ioredis'
import { shardOf } from '../../src/base/placement.ts'
import type { Client } from '../../src/client/index.ts'
import type { Operation } from '../support/load.ts'
import { expectSame, forEachNumber, keyName, keyValue, randomNumbers, Versions } from '../support/workload.ts'

type Holder = Pick<Client, 'keys' | 'transaction'>

const states = 512
/** Calls that are in flight while keyspaces are filled. */
const fillingAtATime = 4_096
const shardsOfTransactions = 2

const stateOf = (id: number): string => `task:${id % states}`

export function spreadOperations(holder: Holder, records: number): Record<string, Operation> {
  const keyspaces = Array.from({ length: states }, (_, n) => holder.keys<number | string>(stateOf(n)))
  const on = (id: number): (typeof keyspaces)[0] => keyspaces[id % states] as (typeof keyspaces)[0]
  const nextId = randomNumbers(states)
  const versions = new Versions(records)
  let turn = 0
  return {
    async fillSpread() {
      await forEachNumber(records, fillingAtATime, (id) => on(id).set(keyName(id), keyValue(id, 1)))
      expectSame('a value', await on(1).get(keyName(1)), keyValue(1, 1))
    },
    incrementSpread: () => on(nextId()).increment('counter'),
    compareAndSetSpread: () => {
      const { id, version } = versions.next()
      return on(id).compareAndSet(keyName(id), version, keyValue(id, version + 1))
    },
    pushPopSpread: () => {
      turn += 1
      const keys = on(turn >> 1)
      return turn % 2 === 0 ? keys.listPush('jobs', keyValue(turn, 1)) : keys.listPop('jobs', { end: 'first' })
    },
  }
}

/** Each adds to two counters at once, of states that share a shard, or that do not. */
export function transactionOperations(holder: Holder): Record<string, Operation> {
  const names = Array.from({ length: states * 4 }, (_, n) => `task:${n}`)
  const onShard = (shard: number): string[] => names.filter((name) => shardOf(name, shardsOfTransactions) === shard)
  const [first, second] = [onShard(0), onShard(1)]
  const next = randomNumbers(Math.min(first.length, second.length) - 1)
  const both = (one: string, other: string): Promise<unknown> =>
    holder.transaction((tx) => [tx.keys(one).increment('counter'), tx.keys(other).increment('counter')])
  return {
    fillTransactions: () => Promise.resolve(),
    transactOnOneShard: () => {
      const index = next()
      return both(first[index] as string, first[index - 1] as string)
    },
    transactOnTwoShards: () => both(first[next()] as string, second[next()] as string),
    incrementAlone: () => holder.keys(first[next()]).increment('counter'),
  }
}

/** What Redis does with a key does not depend on which one it is: a list for each of the states, and the keys as they are. */
export function ioredisSpreadOperations(redis: Redis, others: Readonly<Record<string, Operation>>) {
  let turn = 0
  return {
    fillSpread: others.fillKeys as Operation,
    incrementSpread: others.increment as Operation,
    compareAndSetSpread: others.compareAndSet as Operation,
    pushPopSpread: () => {
      turn += 1
      const list = `${stateOf(turn >> 1)}:jobs`
      return turn % 2 === 0 ? redis.rpush(list, keyValue(turn, 1)) : redis.lpop(list)
    },
  }
}
