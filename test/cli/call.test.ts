// `holdfast call` against a real daemon, and against what is none: the reply on standard output, and a true exit status.

import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Router } from 'zeromq'
import { run } from '../support/holdfast.ts'
import { describeWithPeer, pythonWithZmq } from '../support/peers.ts'
import { programFile, type RunningDaemon, startDaemon } from '../support/program.ts'

describe('a call', () => {
  let daemon: RunningDaemon
  const call = (message: string, ...options: string[]) =>
    run(['call', message, '--endpoint', daemon.endpoint, ...options])

  beforeAll(async () => {
    daemon = await startDaemon()
  })
  afterAll(() => daemon.program.end())

  it('prints the reply in one line, and nothing else', async () => {
    const reply = '{"status":"ok","created":true,"max_length":5,"version":0,"request_id":7}\n'
    const outcome = await call('{"cmd":"create_state","state":"round trip","max_length":5,"request_id":7}')
    expect(outcome).toEqual({ status: 0, signal: null, stdout: reply, stderr: '' })
  })

  it('takes the message from standard input', async () => {
    const endpoint = ['--endpoint', daemon.endpoint]
    const outcome = await run(['call', '-', ...endpoint, '--json'], { input: '\n{"cmd":\n"PING"}\n' })
    expect(outcome).toMatchObject({ status: 0, stdout: '{"status":"ok","pong":true}\n' })
  })

  it('has status 1 for a refusal, which it prints as the reply that it is', async () => {
    const { status, stdout, stderr } = await call('{"cmd":"GET_SCHEMA","state":"none"}')
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ status: 'error', code: 'STATE_NOT_FOUND' })
  })

  it('has status 0 for a list only if every reply in it is ok', async () => {
    expect(await call('[{"cmd":"PING"},{"cmd":"PING"}]')).toMatchObject({
      status: 0,
      stdout: '[{"status":"ok","pong":true},{"status":"ok","pong":true}]\n',
    })
    expect(await call('[{"cmd":"PING"},{"cmd":"PONG"}]')).toMatchObject({ status: 1 })
    expect(await call('[]')).toMatchObject({ status: 1 })
  })

  it.each(['{cmd:"PING"}', '', '{"cmd":"PING"', '5', 'null', '"PING"'])(
    'has status 2 for what is no message: %j',
    async (message) => {
      const { status, stdout, stderr } = await call(message)
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toMatch(/^holdfast: (Invalid JSON: the text |the message must be a JSON object)/)
    },
  )

  describeWithPeer('on a terminal', pythonWithZmq(), (python) => {
    const onTerminal = (...options: string[]) => {
      const command = [
        process.execPath,
        programFile,
        'call',
        '{"cmd":"PING"}',
        '--endpoint',
        daemon.endpoint,
        ...options,
      ]
      const { stdout } = spawnSync(python, ['-c', 'import pty, sys; pty.spawn(sys.argv[1:])', ...command])
      return stdout.toString().replaceAll('\r\n', '\n')
    }

    it('prints the reply for people, unless --json asks for one line', () => {
      expect(onTerminal()).toBe('{\n  "status": "ok",\n  "pong": true\n}\n')
      expect(onTerminal('--json')).toBe('{"status":"ok","pong":true}\n')
    })
  })
})

describe('a call that gets no reply', () => {
  /** Something that speaks ZeroMQ but is no daemon. */
  async function stranger(): Promise<{ socket: Router; endpoint: string }> {
    const socket = new Router({ linger: 0 })
    await socket.bind('tcp://127.0.0.1:0')
    onTestFinished(() => socket.close())
    return { socket, endpoint: socket.lastEndpoint ?? '' }
  }

  it('says that nobody answers, and that nothing was sent', async () => {
    const { socket, endpoint } = await stranger()
    await socket.unbind(endpoint)
    expect(await run(['call', '{"cmd":"PING"}', '--endpoint', endpoint, '--timeout', '.2'])).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr:
        `holdfast: nobody answers at ${endpoint}; the message was not sent.\n` +
        `  Start a daemon with 'holdfast serve', or name the endpoint of one with --endpoint.\n`,
    })
  })

  it('says that the message was sent, where it was', async () => {
    const { endpoint } = await stranger()
    const { status, stderr } = await run(['call', '{"cmd":"PING"}', '--endpoint', endpoint, '--timeout', '0.5'])
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr:
        `holdfast: no reply from ${endpoint} within 0.5 s; the message was sent and may have been carried out.\n` +
        '  Wait longer with --timeout, or look at the log of the daemon.\n',
    })
  })

  it('says that what replies is no daemon', async () => {
    const { socket, endpoint } = await stranger()
    const outcome = run(['call', '{"cmd":"PING"}', '--endpoint', endpoint])
    const [identity, , body] = await socket.receive()
    expect(String(body)).toBe('{"cmd":"PING"}')
    await socket.send([identity as Buffer, '', 'hello'])
    const { status, stderr } = await outcome
    expect(status).toBe(1)
    expect(stderr).toContain(`what ${endpoint} replied is not JSON: it is no holdfast.`)
  })
})
