// A queue of work: every job is done, also those of a worker that died in the middle of one.
//
//   node dist/examples/workers.js [ENDPOINT]
import { connect } from 'holdfast/client'

const client = await connect(process.argv[2])
const keys = client.keys('examples:work')
await keys.clear()
const jobs = keys.queue<{ n: number }>('jobs', { leaseMs: 500 })

for (let n = 1; n <= 10; n += 1) await jobs.push({ n })

// This worker takes a job and is never heard of again. Its lease ends, and the job goes to another one.
const lost = await jobs.take()
console.log(`a worker dies with job ${lost?.item.n}`)

const over = new AbortController()
let done = 0

async function work(name: string): Promise<void> {
  while (done < 10) {
    const job = await jobs.take({ waitMs: 5_000, signal: over.signal }).catch((error: unknown) => {
      if (!over.signal.aborted) throw error
      return undefined
    })
    if (job === undefined) continue
    if (job.deliveries > 1) console.log(`job ${job.item.n} is tried again, by worker ${name}`)
    // The job is done before it is acknowledged, so it may be done twice, but never not at all.
    if (await job.ack()) done += 1
  }
  over.abort() // The others stop waiting.
}

await Promise.all(['a', 'b', 'c'].map(work))
console.log(`${done} jobs are done, ${await jobs.length()} are left`)
await client.close()
