// The engine against the model where it is started again and again on the same folder, in order or as after a death: what
// it answers then is what the model says, versions of deleted names included.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { type Engine, openEngine } from '../../src/engine.ts'
import { Model } from '../support/model.ts'
import { follow } from '../support/model-runner.ts'
import { bigSession, session } from '../support/model-steps.ts'
import type { Call } from '../support/session.ts'

const runs = Math.ceil(Number(process.env.HOLDFAST_MODEL_RUNS ?? 400) / 10)
const testTimeoutMs = 60_000 + runs * 500

/** Runs a session on an engine that is closed and opened again before every so many commands. */
async function withRestarts(restartEvery: number, use: (call: Call) => Promise<void>): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'holdfast-model-'))
  const limits = { deletedNamesPerShardMax: 2 }
  const open = () => openEngine({ shards: 0, data, durability: 'relaxed', limits })
  let engine: Engine = await open()
  let commands = 0
  const run: Call = async (command) => {
    commands += 1
    if (commands % restartEvery === 0) {
      await engine.close()
      engine = await open()
    }
    return engine.call(command)
  }
  // One after another, so that no command meets an engine that is closed.
  let last: Promise<unknown> = Promise.resolve()
  try {
    await use((command) => {
      const reply = last.then(() => run(command))
      last = reply
      return reply
    })
  } finally {
    await engine.close()
    rmSync(data, { recursive: true })
  }
}

describe('an engine that is started again on its folder', () => {
  it(
    'answers as the model does, which was never stopped',
    async () => {
      const property = fc.asyncProperty(session, fc.integer({ min: 1, max: 20 }), (steps, restartEvery) =>
        withRestarts(restartEvery, (call) =>
          follow(
            call,
            steps.map((step) => [step]),
            new Model(2),
          ),
        ),
      )
      await fc.assert(property, { numRuns: runs })
    },
    testTimeoutMs,
  )

  it(
    'does so after commands over thousands of records',
    async () => {
      const property = fc.asyncProperty(bigSession, fc.integer({ min: 1, max: 5 }), (bursts, restartEvery) =>
        withRestarts(restartEvery, (call) =>
          follow(
            call,
            bursts.flat().map((step) => [step]),
            new Model(2),
          ),
        ),
      )
      await fc.assert(property, { numRuns: Math.ceil(runs / 4) })
    },
    testTimeoutMs,
  )
})
