// `holdfast shell` as a person meets it, in a terminal of 80 columns: prompt, completion, replies, history, and the ways
// out of everything.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { serverVersion } from '../../src/base/version.ts'
import { daemonOfTest } from '../support/holdfast.ts'
import { describeWithPeer, tmux } from '../support/peers.ts'
import { programFile } from '../support/program.ts'
import { TmuxTerminal } from '../support/tmux.ts'

describeWithPeer('the shell on a terminal', tmux(), (command) => {
  function shell(endpoint: string, environment: Readonly<Record<string, string>> = {}, ...options: string[]) {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const history = join(folder, 'history')
    const terminal = new TmuxTerminal(command, {
      command: [process.execPath, programFile, 'shell', '--endpoint', endpoint, ...options],
      environment: { HOLDFAST_HISTORY: history, ...environment },
      width: 80,
      height: 40,
    })
    return { terminal, history }
  }

  /** Types a line, and waits for what ends the screen when it is done: an end of a reply, and the prompt. */
  async function enter(terminal: TmuxTerminal, line: string, end: string): Promise<void> {
    terminal.type(line)
    terminal.press('Enter')
    await terminal.shows(`${end}\nholdfast>`)
  }

  const hint = 'help shows the commands, Tab completes, Ctrl-D leaves.\nholdfast>'

  it('greets, completes, draws tables, tells errors, and ends with Ctrl-D', async () => {
    const { endpoint } = await daemonOfTest()
    const { terminal, history } = shell(endpoint)
    await terminal.shows(`holdfast ${serverVersion} at ${endpoint}, 1 shard, in memory only\n${hint}`)

    terminal.type('CREATE_ST')
    terminal.press('Tab')
    await terminal.shows('holdfast> CREATE_STATE')
    terminal.type('leads max')
    terminal.press('Tab')
    await terminal.shows('holdfast> CREATE_STATE leads max_length=')
    terminal.type('5')
    terminal.press('Enter')
    await terminal.shows('ms\nholdfast>')
    expect(terminal.screen()).toMatch(/\ncreated: true\nmax_length: 5\nversion 0, \d+\.\d ms\nholdfast>$/)

    terminal.type('SET_STATE leads [')
    terminal.press('Enter')
    await terminal.shows('SET_STATE leads [\n     ...')
    terminal.type(`{"name":"Alice","url":"https://example.org/${'x'.repeat(60)}"},`)
    terminal.press('Enter')
    terminal.type(String.raw`{"name":"\u001b[31mBob","url":null}]`)
    terminal.press('Enter')
    await terminal.shows('ms\nholdfast>')

    terminal.type('list_records le')
    terminal.press('Tab')
    await terminal.shows('holdfast> list_records leads')
    terminal.press('Enter')
    await terminal.shows('ms\nholdfast>')
    expect(terminal.screen().split('\n').slice(-8, -1)).toEqual([
      '┌────┬───────────────┬─────────────────────────────────────────────────────────┐',
      '│ id │ name          │ url                                                     │',
      '├────┼───────────────┼─────────────────────────────────────────────────────────┤',
      '│  1 │ Alice         │ https://example.org/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… │',
      '│  2 │ \\u001b[31mBob │ null                                                    │',
      '└────┴───────────────┴─────────────────────────────────────────────────────────┘',
      expect.stringMatching(/^2 records, version 1, \d+\.\d ms$/),
    ])

    await enter(terminal, 'GET_SCHEMA none', "STATE_NOT_FOUND: State 'none' not found")
    await enter(terminal, 'PINGG', 'no command is named PINGG.\n  Did you mean PING?')
    const painted = terminal.screen('colours')
    expect(painted).toContain('\u001b[31mno command is named PINGG.')
    expect(painted.split('\n').find((line) => line.includes('STATE_NOT_FOUND'))).toContain('\u001b[31m')

    terminal.press('C-d')
    await terminal.shows('holdfast>\nended with 0')
    expect(statSync(history).mode & 0o777).toBe(0o600)
    expect(readFileSync(history, 'utf8').split('\n')).toEqual([
      'CREATE_STATE leads max_length=5',
      expect.stringMatching(/^SET_STATE leads \[ \{"name":"Alice",.*"url":null\}\]$/),
      'list_records leads',
      'GET_SCHEMA none',
      'PINGG',
      '',
    ])
  })

  it('draws machines', async () => {
    const { endpoint } = await daemonOfTest()
    const { terminal } = shell(endpoint)
    await terminal.shows(hint)
    const definition =
      '{"initial": "open", "states": {"open": {"on": {"close": "closed"}}, "closed": {"type": "final"}}}'
    await enter(terminal, `CREATE_STATE tickets kind=machine definition=${definition}`, ' ms')
    terminal.type('machine t')
    terminal.press('Tab')
    await terminal.shows('holdfast> machine tickets')
    terminal.press('Enter')
    await terminal.shows('open (initial)\n  close → closed\nclosed (final)\nholdfast>')
    await enter(terminal, 'CREATE_STATE leads', ' ms')
    await enter(terminal, 'mermaid leads', "'leads' is of kind 'table', and no field of it follows a machine.")
    await enter(terminal, 'mermaid none', "STATE_NOT_FOUND: State 'none' not found")
  })

  it('has an input back with one key, however many lines it had, and forgets it with Ctrl-C', async () => {
    const { endpoint } = await daemonOfTest()
    const { terminal } = shell(endpoint, { NO_COLOR: '1' })
    await terminal.shows(hint)
    for (const line of ['[{"cmd":"PING"},', '{"cmd":"PING"}', ']']) {
      terminal.type(line)
      terminal.press('Enter')
    }
    await terminal.shows('ms\nholdfast>')
    await enter(terminal, 'NOPE', 'no command is named NOPE.\n  help shows the commands.')
    terminal.press('Up')
    await terminal.shows('holdfast> NOPE')
    terminal.press('Up')
    await terminal.shows('holdfast> [{"cmd":"PING"}, {"cmd":"PING"} ]')
    terminal.press('C-c')
    await terminal.shows(']^C\nholdfast>')
    terminal.type('SET_STATE a [')
    terminal.press('Enter')
    await terminal.shows('     ...')
    terminal.press('C-c')
    await terminal.shows('     ... ^C\nholdfast>')
    terminal.press('C-c')
    await terminal.shows('holdfast> ^C\nCtrl-D leaves.\nholdfast>')
    await enter(terminal, '# nothing', '# nothing')
    expect(terminal.screen('colours')).not.toContain('\u001b[3')
    terminal.type('exit')
    terminal.press('Enter')
    await terminal.shows('holdfast> exit\nended with 0')
  })

  it('carries out what is pasted one after the other', async () => {
    const { endpoint } = await daemonOfTest()
    const { terminal } = shell(endpoint, {}, '--json')
    await terminal.shows(hint)
    terminal.type('PING\rCREATE_STATE a\rDELETE_STATE a\r')
    await terminal.shows('{"status":"ok","version":1}\nholdfast>')
    expect(terminal.screen()).toContain(
      '{"status":"ok","pong":true}\n' +
        'holdfast> CREATE_STATE a\n{"status":"ok","created":true,"max_length":null,"version":0}\n' +
        'holdfast> DELETE_STATE a\n{"status":"ok","version":1}\nholdfast>',
    )
  })

  it('goes on without a daemon, and with the next one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const endpoint = `ipc://${folder}/socket`
    const advice = "  Start a daemon with 'holdfast serve', or name the endpoint of one with --endpoint.\n"
    const { terminal } = shell(endpoint, {}, '--timeout', '60')
    await terminal.shows(hint)
    expect(terminal.screen().replaceAll('\n', '')).toContain(
      `nobody answers at ${endpoint} yet.${advice}`.replaceAll('\n', ''),
    )

    terminal.type('PING')
    terminal.press('Enter')
    await terminal.shows('Ctrl-C stops waiting')
    terminal.press('C-c')
    await terminal.shows('stopped waiting; the message was not sent.\nholdfast>')

    const first = await daemonOfTest(['--bind', endpoint])
    await enter(terminal, 'CREATE_STATE a', 'ms')
    await first.program.end()
    const second = await daemonOfTest(['--bind', endpoint])
    await enter(terminal, 'GET_SCHEMA a', "STATE_NOT_FOUND: State 'a' not found")
    expect(terminal.screen()).toContain('the daemon was started anew; what it kept in memory is gone.\nSTATE_NOT_FOUND')

    await second.program.end()
    terminal.type('PING\rPING\r')
    await terminal.shows('Ctrl-C stops waiting')
    terminal.press('C-d')
    await terminal.shows('stopped waiting; the message was not sent.\nended with 0')
  })
})
