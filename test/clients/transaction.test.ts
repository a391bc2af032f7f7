// Transactions for any language: plain JSON from pyzmq, over the shards of the built daemon.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { daemonOfTest } from '../support/holdfast.ts'
import { describeWithPeer, pythonWithZmq } from '../support/peers.ts'

const script = fileURLToPath(new URL('transaction.py', import.meta.url))

describeWithPeer('a client in Python', pythonWithZmq(), (python) => {
  it('runs transactions over several shards', async () => {
    // The two states are on different shards of two.
    const { endpoint } = await daemonOfTest(['--memory', '--shards', '2'])
    const { stdout, stderr } = spawnSync(python, [script, endpoint], { encoding: 'utf8', timeout: 20_000 })
    expect(stderr).toBe('')
    const replies = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(replies).toMatchObject([
      { status: 'ok' },
      {
        status: 'ok',
        request_id: 1,
        results: [
          { exists: true, version: 1, revision: 1 },
          { value: 70, state_version: 2 },
          { value: 30, state_version: 1 },
        ],
      },
      {
        status: 'error',
        code: 'TRANSACTION_FAILED',
        message: 'Operation 1 was refused: Conflict: expected version 1, found 2',
        index: 1,
        cause: { code: 'VERSION_CONFLICT', expected: 1, found: 2 },
      },
      [
        { status: 'ok', results: [{ value: 35 }] },
        { status: 'ok', value: 35 },
      ],
    ])
  })
})
