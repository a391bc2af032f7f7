// The same sessions as in model.test.ts, over a socket: what a client in any language sees is what the model says.
import fc from 'fast-check'
import { describe, it, onTestFinished } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { openEngine } from '../../src/engine.ts'
import { ZmqFrontEnd } from '../../src/frontend/zmq.ts'
import { openDealer } from '../support/dealer.ts'
import { follow } from '../support/model-runner.ts'
import { bigSession, burstSession } from '../support/model-steps.ts'
import type { Call } from '../support/session.ts'

const runs = Number(process.env.HOLDFAST_MODEL_RUNS ?? 400)
const testTimeoutMs = 60_000 + runs * 100

async function clientOf(shards: number, options: { asArrays: boolean }): Promise<Call> {
  const engine = await openEngine({ shards })
  const { router, limits } = engine
  const frontEnd = await ZmqFrontEnd.bind({ endpoints: ['tcp://127.0.0.1:0'], router, limits, log: silentLog })
  const client = openDealer(frontEnd.endpoints[0] ?? '', options)
  onTestFinished(async () => {
    await client.close()
    await router.drain()
    await frontEnd.close()
    await engine.close()
  })
  return client.call
}

describe.each([
  { asArrays: false, shards: 0 },
  { asArrays: true, shards: 0 },
  { asArrays: false, shards: 2 },
])('a client of $shards threads, whose calls leave as arrays: $asArrays,', ({ asArrays, shards }) => {
  it(
    'is answered as by the model, in the order in which it sends',
    async () => {
      const call = await clientOf(shards, { asArrays })
      const property = fc.asyncProperty(burstSession, (bursts) => follow(call, bursts))
      await fc.assert(property, { numRuns: Math.ceil(runs / 20) })
    },
    testTimeoutMs,
  )

  it(
    'is answered as by the model where commands and replies are long',
    async () => {
      const call = await clientOf(shards, { asArrays })
      const property = fc.asyncProperty(bigSession, (bursts) => follow(call, bursts))
      await fc.assert(property, { numRuns: Math.ceil(runs / 100) })
    },
    testTimeoutMs,
  )
})
