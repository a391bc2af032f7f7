// docs/watching.md is true: its Python watch runs as it stands, with nothing but pyzmq, and misses nothing over the death of
// its daemon; and its examples are what the engine answers.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import type { JsonObject } from '../../src/protocol/value.ts'
import { clientOf } from '../support/clients.ts'
import { eventually } from '../support/eventually.ts'
import { describeWithPeer, pythonWithZmq } from '../support/peers.ts'
import { freePort } from '../support/ports.ts'
import { startDaemon } from '../support/program.ts'
import { folderOfTest } from '../support/sqlite.ts'

const text = readFileSync(fileURLToPath(new URL('../../docs/watching.md', import.meta.url)), 'utf8')

describeWithPeer('the documented Python watch', pythonWithZmq(), (python) => {
  it('tells every change once and in order, over the death of its daemon', async () => {
    const [, script = ''] = /```python\n(.*?)```/s.exec(text) ?? []
    expect(script.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(22)
    const endpoint = `tcp://127.0.0.1:${await freePort()}`
    const args = ['--bind', endpoint, '--data', folderOfTest()]
    let daemon = await startDaemon(args)
    onTestFinished(() => daemon.program.end())
    const client = await clientOf(endpoint)
    const keys = client.keys('k')
    await keys.set('n', 0)
    const watching = spawn(python, ['-c', script, endpoint, 'k', '0'])
    onTestFinished(() => void watching.kill('SIGKILL'))
    let output = ''
    let complaints = ''
    watching.stdout.on('data', (chunk) => (output += String(chunk)))
    watching.stderr.on('data', (chunk) => (complaints += String(chunk)))
    const changes = () =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as JsonObject)
    const reaches = (version: number) =>
      eventually(`it comes to ${version}`, () => complaints !== '' || changes().at(-1)?.version === version)
    await reaches(1)
    for (let n = 2; n <= 20; n += 1) await keys.increment('n')
    await reaches(20)
    daemon.program.child.kill('SIGKILL')
    await daemon.program.over
    daemon = await startDaemon(args)
    for (let n = 21; n <= 40; n += 1) await keys.increment('n')
    await reaches(40)
    expect(complaints).toBe('')
    expect(changes().map(({ version, new_value: value }) => [version, value])).toEqual(
      Array.from({ length: 40 }, (_, index) => [index + 1, index]),
    )
  }, 60_000)
})
