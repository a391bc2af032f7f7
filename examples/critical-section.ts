// A critical section: one process at a time deploys, counts what it did, and gives the lock back whatever happens.
//
//   node dist/examples/critical-section.js [ENDPOINT]
import { connect } from 'holdfast/client'

const client = await connect(process.argv[2])
const keys = client.keys<unknown>('examples:critical')
await keys.clear()

// Taken where it is free, for 30 seconds, and given back by its name.
if (await client.tryLock('deployment_lock', 30)) {
  console.log(`while it is held: ${(await client.tryLock('deployment_lock', 30)) === undefined ? 'busy' : 'free'}`)
  await client.unlock('deployment_lock')
}

// Waited for, up to 60 seconds.
if (await client.lock('database_migration', 60)) {
  console.log('migrating')
  await client.unlock('database_migration')
}

// Held for as long as the function runs, however long that is: the lock is extended meanwhile.
async function operate(): Promise<number> {
  return client.withLock('critical_section', async ({ signal }) => {
    const counter = Number((await keys.get('global_counter')) ?? 0)
    // Between reading and writing somebody else would come in, were it not for the lock.
    await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    await keys.set('global_counter', counter + 1)
    return counter + 1
  })
}

const counters = await Promise.all(Array.from({ length: 10 }, operate))
console.log(`10 operations, one after the other: ${counters.join(' ')}`)

await client
  .withLock('critical_section', () => {
    throw new Error('the operation failed')
  })
  .catch((error: unknown) => console.log(String(error)))
console.log(`afterwards: ${(await client.tryLock('critical_section')) === undefined ? 'still held' : 'free again'}`)
await client.unlock('critical_section')
await client.close()
