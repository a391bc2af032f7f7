// Random transactions against the model, which runs their operations one after the other: every result, and all that
// stands after it, on one shard and over three. HOLDFAST_MODEL_RUNS as in model.test.ts.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { InlineShards } from '../support/inline-shards.ts'
import { follow } from '../support/model-runner.ts'
import { transactionSession } from '../support/model-steps.ts'

const runs = Number(process.env.HOLDFAST_MODEL_RUNS ?? 400)

describe.each([1, 3])('transactions over %i shards', (shards) => {
  it(
    'answer, and leave what stands, as the model does',
    async () => {
      const inline = await InlineShards.started(shards)
      const outcomes = { ok: 0, refused: 0 }
      const call = async (command: JsonObject): Promise<JsonObject> => {
        const reply = await inline.call(command)
        if (command.cmd === 'TRANSACTION') outcomes[reply.status === 'ok' ? 'ok' : 'refused'] += 1
        return reply
      }
      const property = fc.asyncProperty(transactionSession, (bursts) => follow(call, bursts))
      await fc.assert(property, { numRuns: Math.ceil(runs / 8) })
      // Otherwise one of both is not tried.
      expect(Math.min(outcomes.ok, outcomes.refused)).toBeGreaterThan(runs / 20)
    },
    60_000 + runs * 100,
  )
})
