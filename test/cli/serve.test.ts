// The daemon as a program: what it prints, where its options come from, and how it refuses to start.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { daemonOfTest, metricOfDaemon, run } from '../support/holdfast.ts'
import { takenPort } from '../support/ports.ts'
import { Program } from '../support/program.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-serve-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const nothingKept = 'everything is in memory only: nothing is kept when this process ends'

describe('a daemon', () => {
  it('prints a line for each endpoint, serves metrics of all of them, and says that nothing is kept', async () => {
    const path = `ipc://${join(folder, 'commands')}`
    const daemon = await daemonOfTest(['--bind', path])
    const { program, endpoint, metrics } = daemon
    expect(endpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/)
    expect(program.stdout).toBe(`[STATE DAEMON] Running at ${endpoint}\n[STATE DAEMON] Running at ${path}\n`)
    expect(program.log).toMatchObject([
      { level: 'info', durability: 'memory', msg: nothingKept },
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
    const quiet = ['--memory', '--log-level', 'silent']
    const program = new Program(['serve', '--bind', 'tcp://127.0.0.1:0', '--feed', 'off', '--metrics', 'off', ...quiet])
    onTestFinished(() => program.end())
    await eventually('the daemon answers', () => program.stdout !== '')
    program.child.kill('SIGTERM')
    expect(await program.over).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('a daemon with a folder', () => {
  it('says where it keeps what, keeps it, and lets nobody else in', async () => {
    const data = join(folder, 'new', 'data')
    const first = await daemonOfTest(['--data', data])
    expect(first.program.log).toMatchObject([{ level: 'info', durability: 'strict', data }, { msg: 'serving' }])
    const create = '{"cmd":"CREATE_STATE","state":"kept"}'
    expect(await run(['call', create, '--endpoint', first.endpoint])).toMatchObject({ status: 0 })
    expect(await metricOfDaemon(first, 'holdfast_durability_info{mode="strict"}')).toBe(1)

    const second = ['serve', '--bind', 'tcp://127.0.0.1:0', '--feed', 'off', '--metrics', 'off', '--data', data]
    expect(await run(second)).toMatchObject({
      status: 1,
      stderr:
        `holdfast: the folder ${data} is in use by another holdfast.\n` +
        '  Talk to that one, or give this one a folder of its own with --data.\n',
    })
    first.program.child.kill('SIGTERM')
    expect(await first.program.over).toMatchObject({ status: 0 })

    const again = await daemonOfTest(['--data', data, '--durability', 'relaxed', '--shards', '1'])
    const { stdout } = await run(['call', '{"cmd":"GET_STATE_INFO","state":"kept"}', '--endpoint', again.endpoint])
    expect(JSON.parse(stdout)).toMatchObject({ status: 'ok', durability: 'relaxed', version: 0 })
  })

  it('keeps the number of shards that the folder has, unless another one is asked for', async () => {
    const data = join(folder, 'data')
    const bind = ['--bind', 'tcp://127.0.0.1:0', '--feed', 'off', '--metrics', 'off', '--data', data]
    const first = await daemonOfTest(['--data', data, '--shards', '3'])
    const states = ['one', 'two', 'three', 'four']
    const set = JSON.stringify(states.map((state) => ({ cmd: 'SET_KEY', state, key: 'k', value: state })))
    await run(['call', set, '--endpoint', first.endpoint])
    await first.program.end()
    const again = new Program(['serve', ...bind])
    onTestFinished(() => again.end())
    await eventually('the daemon serves', () => again.log.some(({ msg }) => msg === 'serving'))
    expect(again.log.at(-1)).toMatchObject({ msg: 'serving', shards: 3 })
    await again.end()
    const spread = await daemonOfTest(['--data', data, '--shards', '2'])
    expect(spread.program.log.slice(0, 2)).toMatchObject([
      { msg: 'the data is spread over another number of shards, before anything is served', from: 3, to: 2, data },
      { msg: 'the data is spread over the new shards', from: 3, to: 2, states: 4, elements: 4 },
    ])
    const get = JSON.stringify(states.map((state) => ({ cmd: 'GET_KEY', state, key: 'k' })))
    const { stdout } = await run(['call', get, '--endpoint', spread.endpoint])
    expect(JSON.parse(stdout)).toMatchObject(states.map((value) => ({ value, version: 1 })))
  })
})

describe('a daemon does not start, and says why,', () => {
  it('where it cannot keep anything', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(
      await run(['serve', '--bind', 'tcp://127.0.0.1:0', '--feed', 'off', '--metrics', 'off', '--data', file]),
    ).toMatchObject({
      status: 1,
      stderr:
        `holdfast: cannot keep data in ${file}: there is a file of that name.\n` +
        '  Choose another folder with --data, or --memory to keep nothing.\n',
    })
  })

  it('where the port for commands is in use', async () => {
    const endpoint = `tcp://127.0.0.1:${await takenPort()}`
    expect(await run(['serve', '--bind', endpoint, '--feed', 'off', '--metrics', '127.0.0.1:0', '--memory'])).toEqual({
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
