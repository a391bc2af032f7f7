// Source processing: documents that are fetched, read and indexed, each in a known state, whoever works on it.
//
//   node dist/examples/sources.js [ENDPOINT]
import { connect, HoldfastError } from 'holdfast/client'

interface Source {
  url: string
  worker?: string
  pages?: number
  reason?: string
}
type State = 'pending' | 'processing' | 'indexed' | 'failed'
type Event = 'process' | 'complete' | 'fail' | 'retry'

const client = await connect(process.argv[2])
const sources = client.machine<Source, State, Event>('examples:sources')
if ((await client.states()).includes(sources.name)) await sources.drop()
await sources.define({
  initial: 'pending',
  states: {
    pending: { on: { process: 'processing' } },
    // A worker that dies while it processes gives the source up by itself.
    processing: { on: { complete: 'indexed', fail: 'failed' }, after: { 60_000: 'failed' } },
    indexed: { type: 'final' },
    failed: { on: { retry: 'pending' } },
  },
})
for (const page of ['a', 'b', 'c']) await sources.create(page, { url: `https://example.org/${page}` })

/** Takes a source if it is still to be had: of many workers that try at once, one gets it. */
async function take(id: string, worker: string): Promise<boolean> {
  try {
    await sources.send(id, 'process', { worker })
    return true
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'INVALID_TRANSITION') return false
    throw error
  }
}

const taken = await Promise.all(['w1', 'w2', 'w3'].map((worker) => take('a', worker)))
console.log(`a is taken by ${taken.filter(Boolean).length} of ${taken.length} workers`)
await sources.send('a', 'complete', { pages: 12 })

// One that failed is tried again, and nothing else can be done with it meanwhile.
await take('b', 'w1')
await sources.send('b', 'fail', { reason: 'the server did not answer' })
console.log(`b has failed; possible now: ${(await sources.can('b')).join(', ')}`)
await sources.send('b', 'complete').catch((error: Error) => console.log(error.message))
await sources.send('b', 'retry')
await take('b', 'w2')
await sources.send('b', 'complete', { pages: 3 })

for await (const { id, context } of sources.list({ inState: 'indexed' })) {
  console.log(`${id} is indexed: ${context.pages} pages, by ${context.worker}`)
}
const steps = await sources.history('b')
console.log(`b: ${['pending', ...steps.map(({ event, to }) => `${event} -> ${JSON.stringify(to)}`)].join(', ')}`)
await client.close()
