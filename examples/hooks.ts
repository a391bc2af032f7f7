// Hooks: code of one's own that may refuse a transition, and that hears of those that happened. In a program that holds
// the engine itself; the daemon takes the same functions from the file of --extension.
//
//   node dist/examples/hooks.js
import { openEngine } from 'holdfast'

const engine = await openEngine({ shards: 0 })
const state = 'sources'
await engine.call({
  cmd: 'CREATE_STATE',
  state,
  kind: 'machine',
  definition: {
    initial: 'pending',
    states: {
      pending: { on: { process: 'processing' } },
      processing: { on: { complete: 'indexed', fail: 'failed' } },
      indexed: { type: 'final' },
      failed: { on: { retry: 'processing' } },
    },
  },
})

// Asked before a change is made: what it throws is the reason of the refusal, and nothing has changed.
engine.validate(state, ({ event, new_value }) => {
  const { context } = new_value as { context: { attempts?: number } }
  if (event === 'retry' && (context.attempts ?? 0) > 2) throw new Error('a source is tried twice and not more')
})

// Told after the commit.
await engine.onTransition(state, ({ id, from, to, event }) => {
  console.log(`${id}: ${from as string} -> ${to as string} via ${event}`)
})

async function send(event: string, data: { attempts?: number } = {}): Promise<void> {
  const reply = await engine.call({ cmd: 'SEND_EVENT', state, id: 'report.pdf', event, data })
  if (reply.status === 'error') console.log(`${event}: ${reply.message as string}`)
}

await engine.call({ cmd: 'CREATE_INSTANCE', state, id: 'report.pdf' })
await send('process', { attempts: 1 })
await send('fail')
await send('complete') // The definition forbids it.
await send('retry', { attempts: 2 })
await send('fail')
await send('retry', { attempts: 3 }) // The hook forbids it.
await engine.close()
