// `holdfast shell` without a terminal, as scripts use it, against a real daemon and against what is none; and the parts of
// it that outlive a command: the session, and the history.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Router } from 'zeromq'
import { Connection, NoReply } from '../../src/cli/connection.ts'
import { History, historyFile, historyLinesMax } from '../../src/cli/shell/history.ts'
import { Session } from '../../src/cli/shell/session.ts'
import { daemonOfTest, run } from '../support/holdfast.ts'
import { type Outcome, programFile, type RunningDaemon, startDaemon } from '../support/program.ts'

function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

describe('a script', () => {
  let daemon: RunningDaemon
  const shell = (input: string, ...options: string[]): Promise<Outcome> =>
    run(['shell', '--endpoint', daemon.endpoint, ...options], { input })

  beforeAll(async () => {
    daemon = await startDaemon()
  })
  afterAll(() => daemon.program.end())

  it('gets one reply after the other, without a prompt and without colours', async () => {
    const script = [
      '# Some leads.',
      'create_state leads max_length=10',
      '',
      'SET_STATE leads [',
      '  {"name": "Alice", "status": "open"},',
      '  # Not Carl.',
      '  {"name": "Bob", "status": "open"}',
      ']',
      'PATCH_RECORD leads 2 {"status": "won"}',
      '{"cmd": "GET_RECORD", "state": "leads", "id": 2}',
      'LIST_RECORDS leads',
      'LIST_STATES',
      'PING',
    ]
    const { status, stdout, stderr } = await shell(script.join('\n'))
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'created: true',
      'max_length: 10',
      'version 0',
      'accepted: 2',
      'dropped: 0',
      'version 1',
      'patched: true',
      'version 2',
      'id      2',
      'name    Bob',
      'status  won',
      'version 2, revision 2',
      '┌────┬───────┬────────┐',
      '│ id │ name  │ status │',
      '├────┼───────┼────────┤',
      '│  1 │ Alice │ open   │',
      '│  2 │ Bob   │ won    │',
      '└────┴───────┴────────┘',
      '2 records, version 2',
      'leads',
      '1 state',
      'pong: true',
      '',
    ])
  })

  it('gets the replies as they are for --json, one line each', async () => {
    const { stdout } = await shell('PING\n[{"cmd":"PING"},\n{"cmd":"NOPE"}]\nGET_SCHEMA none', '--json')
    expect(stdout.split('\n')).toEqual([
      '{"status":"ok","pong":true}',
      `[{"status":"ok","pong":true},{"status":"error","code":"UNKNOWN_COMMAND","message":"Unknown command 'NOPE'","command":"NOPE"}]`,
      `{"status":"error","code":"STATE_NOT_FOUND","message":"State 'none' not found","state":"none"}`,
      '',
    ])
  })

  it('has status 1 if a command was refused, and goes on', async () => {
    expect(await shell('GET_SCHEMA none\nPING\n')).toEqual({
      status: 1,
      signal: null,
      stdout: "STATE_NOT_FOUND: State 'none' not found\npong: true\n",
      stderr: '',
    })
    expect(await shell('[{"cmd":"PING"},{"cmd":"NOPE"}]')).toMatchObject({ status: 1 })
  })

  it('has status 2 if a line was not understood, names it, and goes on', async () => {
    expect(await shell('\n# comment\nGET_SCHEMA none\nPINGG\nPING')).toEqual({
      status: 2,
      signal: null,
      stdout: "STATE_NOT_FOUND: State 'none' not found\npong: true\n",
      stderr: 'holdfast: line 4: no command is named PINGG.\n  Did you mean PING?\n',
    })
  })

  it('names the line in which brackets were opened', async () => {
    const { status, stdout, stderr } = await shell('PING\nSET_STATE a [\n{"b":1},\n')
    expect({ status, stdout }).toEqual({ status: 2, stdout: 'pong: true\n' })
    expect(stderr).toBe('holdfast: line 2: its brackets are not closed.\n')
    expect((await shell('SET_STATE a [\n{b:1}\n]\n')).stderr).toMatch(/^holdfast: line 1: data cannot be read: /)
  })

  it.each([
    ['refused', 'GET_SCHEMA none', 1],
    ['not understood', 'PINGG', 2],
  ])('ends at the first command that is %s for --stop-on-error', async (_what, line, status) => {
    const outcome = await shell(`PING\n${line}\nPING\n`, '--stop-on-error')
    expect(outcome.status).toBe(status)
    expect(outcome.stdout.match(/pong/g)).toHaveLength(1)
  })

  it.each(['exit', 'QUIT'])('ends at %s', async (word) => {
    expect(await shell(`PING\n${word}\nPING\n`)).toMatchObject({ status: 0, stdout: 'pong: true\n' })
  })

  it('ends although more could come', async () => {
    const child = spawn(process.execPath, [programFile, 'shell', '--endpoint', daemon.endpoint])
    onTestFinished(() => void child.kill())
    child.stdin.write('PING\nexit\n')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  it('may ask for help', async () => {
    const { status, stdout } = await shell('help ping\n')
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^PING\nAnswers at once/) })
  })

  it('may be empty', async () => {
    expect(await shell('')).toEqual({ status: 0, signal: null, stdout: '', stderr: '' })
  })

  it('leaves no history', async () => {
    const file = join(folderOfTest(), 'history')
    const environment = { HOLDFAST_HISTORY: file }
    await run(['shell', '--endpoint', daemon.endpoint], { input: 'PING\n', environment })
    expect(existsSync(file)).toBe(false)
  })

  it('gets no control characters that somebody stored', async () => {
    const evil = String.raw`{"name":"\u001b[2J\u009b31m\n\u202e"}`
    const { stdout } = await shell(
      `CREATE_STATE evil\nCREATE_RECORD evil ${evil}\nLIST_RECORDS evil\nGET_RECORD evil 1`,
    )
    expect(stdout.match(/\\u001b\[2J\\u009b31m\\n\\u202e/g)).toHaveLength(2)
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    const { stdout: json } = await shell('GET_RECORD evil 1', '--json')
    expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
    expect(JSON.parse(json)).toMatchObject({ record: { name: '\u001b[2J\u009b31m\n\u202e' } })
  })
})

describe('a script that gets no reply ends there, with status 1,', () => {
  /** Something that speaks ZeroMQ but is no daemon. */
  async function stranger(): Promise<{ socket: Router; endpoint: string }> {
    const socket = new Router({ linger: 0 })
    await socket.bind('tcp://127.0.0.1:0')
    onTestFinished(() => socket.close())
    return { socket, endpoint: socket.lastEndpoint ?? '' }
  }

  it('and says that nobody answers', async () => {
    const { socket, endpoint } = await stranger()
    await socket.unbind(endpoint)
    const input = '# no daemon\nPING\nPING\n'
    expect(await run(['shell', '--endpoint', endpoint, '--timeout', '.2'], { input })).toEqual({
      status: 1,
      signal: null,
      stdout: '',
      stderr:
        `holdfast: line 2: nobody answers at ${endpoint}; the message was not sent.\n` +
        `  Start a daemon with 'holdfast serve', or name the endpoint of one with --endpoint.\n`,
    })
  })

  it('and says that the daemon went away, without waiting any longer', async () => {
    const { socket, endpoint } = await stranger()
    const outcome = run(['shell', '--endpoint', endpoint, '--timeout', '600'], { input: 'PING\nPING\n' })
    const [identity, , hello] = await socket.receive()
    expect(String(hello)).toBe('{"cmd":"HELLO"}')
    await socket.send([identity as Buffer, '', '{"status":"ok","instance":1}'])
    const [, , message] = await socket.receive()
    expect(String(message)).toBe('{"cmd":"PING"}')
    socket.close()
    const { status, stderr } = await outcome
    expect(status).toBe(1)
    expect(stderr).toContain(
      `holdfast: line 1: ${endpoint} went away before it replied; the message was sent and may have been carried out.\n`,
    )
  })

  it('and says that what replies is no daemon', async () => {
    const { socket, endpoint } = await stranger()
    const outcome = run(['shell', '--endpoint', endpoint], { input: 'PING\n' })
    const [identity] = await socket.receive()
    await socket.send([identity as Buffer, '', 'hello'])
    expect((await outcome).stderr).toContain(`what ${endpoint} replied is not JSON: it is no holdfast.`)
  })
})

describe('a session', () => {
  it('survives the end of its daemon, and says that another one answers', async () => {
    const endpoint = `ipc://${join(folderOfTest(), 'socket')}`
    const connection = new Connection({ endpoint, timeout: 15_000 })
    onTestFinished(() => connection.close())
    const session = new Session(connection)
    const first = await daemonOfTest(['--bind', endpoint])
    expect(await session.send('{"cmd":"PING"}')).toMatchObject({ reply: { pong: true }, notice: undefined })
    await first.program.end()
    await expect(connection.exchange('{"cmd":"PING"}', { timeout: 50 })).rejects.toBeInstanceOf(NoReply)
    await daemonOfTest(['--bind', endpoint])
    expect(await session.send('{"cmd":"PING"}')).toMatchObject({
      reply: { status: 'ok', pong: true },
      notice: 'the daemon was started anew; what it kept in memory is gone.',
    })
    expect(await session.send('{"cmd":"PING"}')).toMatchObject({ notice: undefined })
  })

  it('can be told to stop waiting, and knows whether the message was sent', async () => {
    const router = new Router({ linger: 0 })
    await router.bind('tcp://127.0.0.1:0')
    onTestFinished(() => router.close())
    const endpoint = router.lastEndpoint ?? ''
    const connection = new Connection({ endpoint, timeout: 600_000 })
    onTestFinished(() => connection.close())
    const stop = new AbortController()
    const waiting = connection.exchange('{"cmd":"PING"}', { signal: stop.signal })
    await router.receive()
    stop.abort()
    await expect(waiting).rejects.toMatchObject({
      message: 'stopped waiting; the message was sent and may have been carried out.',
      wasSent: true,
    })
    await router.unbind(endpoint)
    router.close()
    const another = new AbortController()
    const sending = connection.exchange('{"cmd":"PING"}', { signal: another.signal })
    another.abort()
    await expect(sending).rejects.toMatchObject({
      message: 'stopped waiting; the message was not sent.',
      wasSent: false,
    })
  })

  it('asks for names of states once in a while, and finds none where nobody answers', async () => {
    const { endpoint, program } = await daemonOfTest()
    const connection = new Connection({ endpoint, timeout: 15_000 })
    onTestFinished(() => connection.close())
    const session = new Session(connection)
    await session.send('[{"cmd":"CREATE_STATE","state":"leads"},{"cmd":"CREATE_STATE","state":"jobs"}]')
    expect(await session.stateNames('l')).toEqual(['leads'])
    await program.end()
    expect(await session.stateNames('l')).toEqual(['leads'])
    expect(await session.stateNames('')).toEqual([])
  })
})

describe('the history', () => {
  it('is a file that only its owner can read', () => {
    const file = join(folderOfTest(), 'history')
    const history = new History(file)
    expect({ lines: history.lines, exists: existsSync(file) }).toEqual({ lines: [], exists: false })
    for (const line of ['PING', 'PING', 'LIST_STATES']) history.add(line)
    history.close()
    expect(readFileSync(file, 'utf8')).toBe('PING\nLIST_STATES\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(new History(file)).toMatchObject({ lines: ['LIST_STATES', 'PING'], problem: undefined })
  })

  it('takes the file away from others who could read it', () => {
    const file = join(folderOfTest(), 'history')
    writeFileSync(file, 'PING\n')
    chmodSync(file, 0o644)
    expect(new History(file).lines).toEqual(['PING'])
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('has no more than its last lines', () => {
    const file = join(folderOfTest(), 'history')
    const many = Array.from({ length: historyLinesMax + 5 }, (_, index) => `GET_RECORD a ${index}`)
    writeFileSync(file, `${many.join('\n')}\n`)
    const history = new History(file)
    expect(history.lines).toEqual(many.slice(5).reverse())
    history.add('PING')
    history.close()
    expect(history.lines).toHaveLength(historyLinesMax)
    expect(readFileSync(file, 'utf8').split('\n')).toEqual([...many.slice(6), 'PING', ''])
  })

  it('is done without where it cannot be kept', () => {
    const history = new History(join(folderOfTest(), 'none', 'history'))
    history.add('PING')
    history.add('HELLO')
    history.close()
    expect(history).toMatchObject({ lines: ['HELLO', 'PING'], problem: expect.stringContaining('ENOENT') })
  })

  it('leaves alone what is no file', () => {
    const mode = statSync('/dev/null').mode
    const history = new History('/dev/null')
    history.add('PING')
    history.close()
    expect(history).toMatchObject({ lines: ['PING'], problem: undefined })
    expect(statSync('/dev/null').mode).toBe(mode)
  })

  it('is in the home folder, or where HOLDFAST_HISTORY says', () => {
    expect(historyFile({})).toMatch(/\/\.holdfast_history$/)
    expect(historyFile({ HOLDFAST_HISTORY: '' })).toBe(historyFile({}))
    expect(historyFile({ HOLDFAST_HISTORY: '/a/b' })).toBe('/a/b')
  })
})
