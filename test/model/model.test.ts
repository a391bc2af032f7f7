// The engine against the model: random sessions, every reply and all contents compared. HOLDFAST_MODEL_RUNS is how many
// sessions of up to a hundred commands are tried without threads; the other runs grow with it. A failure prints its seed.
import fc from 'fast-check'
import { describe, it, onTestFinished } from 'vitest'
import { type EngineOptions, openEngine } from '../../src/engine.ts'
import { Model } from '../support/model.ts'
import { follow } from '../support/model-runner.ts'
import { bigSession, burstSession, session } from '../support/model-steps.ts'
import type { Call } from '../support/session.ts'

const runs = Number(process.env.HOLDFAST_MODEL_RUNS ?? 400)
const testTimeoutMs = 60_000 + runs * 100

async function engineCall(options: EngineOptions): Promise<Call> {
  const engine = await openEngine(options)
  onTestFinished(() => engine.close())
  return (command) => engine.call(command)
}

describe('an engine without threads', () => {
  it(
    'answers as the model does, command by command',
    async () => {
      const property = fc.asyncProperty(session, async (steps) => {
        // So few deleted names are remembered that the versions of forgotten ones come into play.
        const engine = await openEngine({ shards: 0, limits: { deletedNamesPerShardMax: 2 } })
        const bursts = steps.map((step) => [step])
        try {
          await follow((command) => engine.call(command), bursts, new Model(2))
        } finally {
          await engine.close()
        }
      })
      await fc.assert(property, { numRuns: runs })
    },
    testTimeoutMs,
  )

  it(
    'runs commands that are sent at once in the order in which they were sent',
    async () => {
      const call = await engineCall({ shards: 0 })
      const property = fc.asyncProperty(burstSession, (bursts) => follow(call, bursts))
      await fc.assert(property, { numRuns: Math.ceil(runs / 2) })
    },
    testTimeoutMs,
  )

  it(
    'keeps that order where commands over thousands of records take their steps in between',
    async () => {
      const call = await engineCall({ shards: 0 })
      const property = fc.asyncProperty(bigSession, (bursts) => follow(call, bursts))
      await fc.assert(property, { numRuns: Math.ceil(runs / 10) })
    },
    testTimeoutMs,
  )
})

describe('an engine of two threads', () => {
  it(
    'answers as the model does, to commands that are sent at once',
    async () => {
      const call = await engineCall({ shards: 2 })
      const property = fc.asyncProperty(burstSession, (bursts) => follow(call, bursts))
      await fc.assert(property, { numRuns: Math.ceil(runs / 10) })
    },
    testTimeoutMs,
  )

  it(
    'answers as the model does where lists travel to it, and from it, in slices',
    async () => {
      const call = await engineCall({ shards: 2 })
      const property = fc.asyncProperty(bigSession, (bursts) => follow(call, bursts))
      await fc.assert(property, { numRuns: Math.ceil(runs / 20) })
    },
    testTimeoutMs,
  )
})
