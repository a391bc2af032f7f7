// `holdfast top` as a person and a script meet it: a picture on a terminal, with keys, that outlives a restart of the daemon and
// leaves the terminal as it was; and one picture, or its numbers, in a pipe.
import { describe, expect, it, vi } from 'vitest'
import { connect } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { run } from '../support/holdfast.ts'
import { describeWithPeer, tmux } from '../support/peers.ts'
import { freePort } from '../support/ports.ts'
import { programFile } from '../support/program.ts'
import { serve } from '../support/sockets.ts'
import { TmuxTerminal } from '../support/tmux.ts'

// Starting a program takes long where much else runs.
const testMsMax = 60_000
const startMsMax = 30_000
vi.setConfig({ testTimeout: testMsMax })

describe('top without a terminal', () => {
  it('prints one picture, without colours and keys', async () => {
    const { endpoint } = await serve()
    const { status, stdout, stderr } = await run(['top', '--endpoint', endpoint, '--interval', '0.1'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^holdfast at tcp:\S+ {2}up \d+ s, in memory only\n/)
    expect(stdout).toMatch(/\n {4}0 serving .*\n/)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).not.toContain('quit')
  })

  it('prints its numbers as JSON', async () => {
    const { endpoint } = await serve()
    await using client = await connect(endpoint)
    await client.keys('k').set('a', 1)
    const { status, stdout } = await run(['top', '--endpoint', endpoint, '--interval', '0.1', '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      durability: 'memory',
      clients: 2,
      keys: 1,
      shards: [{ shard: 0, condition: 'serving', isFull: false }],
      commands: expect.arrayContaining([expect.objectContaining({ name: 'SET_KEY', total: 1 })]),
    })
  })

  it('says so where nobody answers, and what an interval may be', async () => {
    const endpoint = `tcp://127.0.0.1:${await freePort()}`
    const away = await run(['top', '--once', '--endpoint', endpoint, '--timeout', '0.2'])
    expect(away).toMatchObject({ status: 1, stdout: '' })
    expect(away.stderr).toContain(`nobody answers at ${endpoint}`)
    const misused = await run(['top', '--interval', '0'])
    expect(misused.status).toBe(2)
    expect(misused.stderr).toContain('It must be a number of seconds, from 0.1 to 3600.')
  })
})

describeWithPeer('top on a terminal', tmux(), (command) => {
  function top(endpoint: string, environment: Readonly<Record<string, string>> = {}): TmuxTerminal {
    return new TmuxTerminal(command, {
      command: [process.execPath, programFile, 'top', '--endpoint', endpoint, '--interval', '0.1', '--timeout', '1'],
      environment,
      width: 80,
      height: 24,
    })
  }

  it('draws what the daemon does, does what keys say, and leaves the terminal as it was', async () => {
    const { endpoint } = await serve()
    const terminal = top(endpoint)
    await eventually('a picture', () => terminal.screen().includes('0 serving'), startMsMax)
    await terminal.shows('q quit   s sort (by number)   p pause   ? help')
    expect(terminal.screen('colours')).toContain('\u001b[1mholdfast at')
    await using client = await connect(endpoint)
    await client.keys('k').set('a', 1)
    await eventually('the client and its key are seen', () => /clients 2 [^]*keys 1 /.test(terminal.screen()))
    terminal.type('s')
    await terminal.shows('q quit   s sort (by commands)   p pause   ? help')
    terminal.type('?')
    await eventually('the help', () => terminal.screen().includes('requests that a shard has not answered'))
    terminal.type('?')
    terminal.type('p')
    await terminal.shows('q quit   s sort (by commands)   p go on   ? help')
    expect(terminal.screen().split('\n')[0]).toMatch(/paused$/)
    await client.keys('k').set('b', 1)
    terminal.type('p')
    await eventually('it goes on', () => terminal.screen().includes('keys 2 '))
    terminal.resize(60, 10)
    await eventually('it fits', () => {
      const lines = terminal.screen().split('\n')
      return lines.length === 10 && lines.every((line) => line.length <= 60) && lines[9]?.startsWith('q quit') === true
    })
    terminal.type('q')
    await terminal.shows('ended with 0')
    expect(terminal.screen()).toBe('ended with 0')
    expect(terminal.cursorIsShown()).toBe(true)
  })

  it('says that the daemon is away, and goes on with the next one', async () => {
    const endpoint = `tcp://127.0.0.1:${await freePort()}`
    const first = await serve({ endpoints: [endpoint] })
    const terminal = top(endpoint, { NO_COLOR: '1' })
    await eventually('a picture', () => terminal.screen().includes('0 serving'), startMsMax)
    await first.close()
    await eventually('it says so', () => terminal.screen().includes('no answer; asking again'))
    expect(terminal.screen()).toContain('0 serving')
    await serve({ endpoints: [endpoint] })
    await eventually('it goes on', () => !terminal.screen().includes('no answer'), 20_000)
    expect(terminal.screen('colours')).not.toContain('\u001b[3')
    terminal.press('C-c')
    await terminal.shows('ended with 0')
  })

  it('ends with a signal, too, and gives the terminal back', async () => {
    const { endpoint } = await serve()
    const terminal = top(endpoint)
    await eventually('a picture', () => terminal.screen().includes('0 serving'), startMsMax)
    terminal.signal('SIGTERM')
    await terminal.shows('ended with 0')
    expect(terminal.cursorIsShown()).toBe(true)
  })
})
