// The daemon as a program: what it prints, where its options come from, and how it refuses to start.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { daemonOfTest, metricOfDaemon, Program, run } from '../support/holdfast.ts'
import { takenPort } from '../support/ports.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-serve-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a daemon', () => {
  it('prints a line for each endpoint, and logs where it serves metrics', async () => {
    const path = `ipc://${join(folder, 'commands')}`
    const { program, endpoint, metrics } = await daemonOfTest(['--bind', path])
    expect(endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/)
    expect(program.stdout).toBe(`[STATE DAEMON] Running at ${endpoint}\n[STATE DAEMON] Running at ${path}\n`)
    expect(metrics).toMatch(/^127\.0\.0\.1:[1-9]\d+$/)
    expect(await (await fetch(`http://${metrics}/readyz`)).text()).toBe('ready')
    expect(await run(['call', '{"cmd":"PING"}', '--endpoint', path])).toMatchObject({ status: 0 })
    expect(await run(['call', '{"cmd":"PING"}', '--endpoint', endpoint])).toMatchObject({ status: 0 })
  })

  it('warns that nothing is kept, and only notes it where --memory asked for that', async () => {
    const words = 'everything is in memory only: nothing is kept when this process ends'
    const unasked = await daemonOfTest()
    expect(unasked.program.log).toContainEqual(expect.objectContaining({ level: 'warn', msg: words }))
    const asked = await daemonOfTest(['--memory'])
    expect(asked.program.log).toContainEqual(expect.objectContaining({ level: 'info', msg: words }))
  })

  it('takes options from the environment and from a file, and a limit from there', async () => {
    const file = join(folder, 'holdfast.json')
    writeFileSync(file, JSON.stringify({ shards: 3, limits: { commandsPerMessageMax: 1 } }))
    const environment = { HOLDFAST_CONFIG: file, HOLDFAST_SHARDS: '0' }
    const { program, endpoint } = await daemonOfTest(['--shards', '2'], { environment })
    expect(program.log).toContainEqual(expect.objectContaining({ msg: 'serving', shards: 2 }))
    const { stdout } = await run(['call', '[{"cmd":"PING"},{"cmd":"PING"}]', '--endpoint', endpoint])
    expect(JSON.parse(stdout)).toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 1 })
  })

  it('shows its process and its clients in the metrics', async () => {
    const daemon = await daemonOfTest()
    await run(['call', '{"cmd":"PING"}', '--endpoint', daemon.endpoint])
    expect(await metricOfDaemon(daemon, 'holdfast_messages_received_total')).toBe(1)
    expect(await metricOfDaemon(daemon, 'process_resident_memory_bytes')).toBeGreaterThan(0)
  })

  it('logs nothing at the level silent', async () => {
    const program = new Program(['serve', '--bind', 'tcp://127.0.0.1:0', '--metrics', 'off', '--log-level', 'silent'])
    onTestFinished(() => program.end())
    await eventually('the daemon answers', () => program.stdout !== '')
    program.child.kill('SIGTERM')
    expect(await program.over).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('a daemon does not start, and says why,', () => {
  it('where the port for commands is in use', async () => {
    const endpoint = `tcp://127.0.0.1:${await takenPort()}`
    expect(await run(['serve', '--bind', endpoint, '--metrics', '127.0.0.1:0'])).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr:
        `holdfast: cannot listen on ${endpoint}: the port is in use.\n  Another holdfast may be running there ` +
        `(holdfast call --endpoint ${endpoint} '{"cmd":"HELLO"}' asks it), or choose a port with --bind.\n`,
    })
  })

  it('where an option cannot be meant', async () => {
    expect(await run(['serve', '--bind', 'tcp://0.0.0.0:0'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr:
        'holdfast: refusing to listen on tcp://0.0.0.0:0: other machines could reach it, and could read and change ' +
        'every state unasked.\n  Bind to 127.0.0.1, or add --insecure if everybody on that network may do so.\n',
    })
    expect(await run(['serve', '--config', 'none.json'])).toMatchObject({
      status: 2,
      stderr: 'holdfast: cannot read the configuration file none.json: there is no such file.\n',
    })
  })
})
