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

const nothingKept = 'everything is in memory only: nothing is kept when this process ends'

describe('a daemon', () => {
  it('prints a line for each endpoint, serves metrics of all of them, and warns that nothing is kept', async () => {
    const path = `ipc://${join(folder, 'commands')}`
    const daemon = await daemonOfTest(['--bind', path])
    const { program, endpoint, metrics } = daemon
    expect(endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/)
    expect(program.stdout).toBe(`[STATE DAEMON] Running at ${endpoint}\n[STATE DAEMON] Running at ${path}\n`)
    expect(program.log).toMatchObject([
      { level: 'warn', msg: nothingKept },
      { level: 'info', msg: 'serving', endpoints: [endpoint, path], metrics },
    ])
    for (const place of [path, endpoint]) {
      expect(await run(['call', '{"cmd":"PING"}', '--endpoint', place])).toMatchObject({ status: 0 })
    }
    expect(await (await fetch(`http://${metrics}/readyz`)).text()).toBe('ready')
    expect(await metricOfDaemon(daemon, 'holdfast_messages_received_total')).toBe(2)
    expect(await metricOfDaemon(daemon, 'process_resident_memory_bytes')).toBeGreaterThan(0)
  })

  it('takes options from the command line, the environment and a file, and a limit from there', async () => {
    const file = join(folder, 'holdfast.json')
    writeFileSync(file, JSON.stringify({ shards: 3, memory: true, limits: { commandsPerMessageMax: 1 } }))
    const environment = { HOLDFAST_CONFIG: file, HOLDFAST_SHARDS: '0' }
    const { program, endpoint } = await daemonOfTest(['--shards', '2'], { environment })
    expect(program.log).toMatchObject([{ level: 'info', msg: nothingKept }, { shards: 2 }])
    const { stdout } = await run(['call', '[{"cmd":"PING"},{"cmd":"PING"}]', '--endpoint', endpoint])
    expect(JSON.parse(stdout)).toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 1 })
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
