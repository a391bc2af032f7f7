// Workloads are moved between nodes by whoever has the lock of the workload. A mover that was held up past the time of its
// lock wakes up and writes: its fence keeps that out, as another one has moved the workload since.
//
//   node dist/examples/migration.js [ENDPOINT]
import { connect, HoldfastError } from 'holdfast/client'

const client = await connect(process.argv[2])
// The lock and the keyspace share a {tag}, so that they live together however many shards there are.
const lock = '{workload-7}'
const placement = client.keys<{ node: string; by: string }>('{workload-7}/placement')
await placement.set('node', { node: 'n1', by: 'nobody' })

// This mover takes the lock for 200 ms, and is not heard of for longer than that.
const slow = await client.lock(lock, { ttlMs: 200 })
if (slow === undefined) throw new Error('somebody else is moving the workload')
console.log('slow: begins to move the workload from n1 to n2')

// Another one waits, and gets the lock when the time of the first is over.
await client.withLock(lock, async (held) => {
  console.log(`fast: has the lock, with a newer token: ${held.token > slow.token}`)
  await placement.set('node', { node: 'n3', by: 'fast' }, { fence: held })
})

// The first goes on where it was, and knows nothing of that.
try {
  await placement.set('node', { node: 'n2', by: 'slow' }, { fence: slow })
} catch (error) {
  if (!(error instanceof HoldfastError)) throw error
  console.log(`slow: ${error.code}`)
}
const { node, by } = (await placement.get('node')) ?? {}
console.log(`the workload is on ${node}, moved by ${by}`)
await client.close()
