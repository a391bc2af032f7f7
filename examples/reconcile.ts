// Reconciliation: what shall run is kept in keys, and whoever watches them starts and stops it. A watcher that was away goes
// on from the version that it had seen, and does nothing twice.
//
//   node dist/examples/reconcile.js [ENDPOINT]
import { connect, type WatchEvent } from 'holdfast/client'

interface Workload {
  image: string
}

const client = await connect(process.argv[2])
const workloads = client.keys<Workload>('examples:workloads')
await workloads.clear()

function reconcile(event: WatchEvent): void {
  if (event.type === 'listed' || event.type === 'created') console.log(`start ${event.key}`)
  else if (event.type === 'updated') console.log(`restart ${event.key}`)
  else if (event.type === 'deleted') console.log(`stop ${event.key}`)
}

await workloads.set('web/1', { image: 'web:1.0' })
await workloads.set('worker/1', { image: 'worker:1.0' })

// Whoever comes for the first time is shown what stands, and then what happens.
const first = client.watch(workloads.name, { prefix: 'web/' })
for await (const event of first) {
  reconcile(event)
  if (event.type === 'ready') void workloads.set('web/2', { image: 'web:1.0' })
  if (event.type === 'created') break
}

// While nobody watches, things go on.
await workloads.set('web/1', { image: 'web:1.1' })
await workloads.delete('web/2')

// The next one takes over where the first has ended.
let left = 2
for await (const event of client.watch(workloads.name, { prefix: 'web/', since: first.version })) {
  reconcile(event)
  left -= 1
  if (left === 0) break
}

// A copy of everything is kept current by a watch as well.
const leads = client.table<{ name: string }>('examples:leads')
await leads.drop().catch(() => {})
await leads.create()
const copy = client.cached<{ name: string }>(leads.name)
await leads.insert({ name: 'Alice' })
await copy.reaches((await leads.info()).version)
console.log(copy.get(1))
await client.close()
