// The parts of a daemon in this process: all of them start, or none is left, and what stands in the way is named.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { Problem } from '../../src/base/problem.ts'
import { type Daemon, startDaemon } from '../../src/cli/daemon.ts'
import { loadConfig } from '../../src/config.ts'
import { eventually } from '../support/eventually.ts'
import { freePort, takenPort } from '../support/ports.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-daemon-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Places {
  readonly bind?: readonly string[]
  readonly feed?: string
  readonly metrics?: string
}

const free = 'tcp://127.0.0.1:0'

async function start({ bind = [free], feed = free, metrics = '127.0.0.1:0' }: Places): Promise<Daemon> {
  const flags = { bind, feed, metrics, shards: '0', memory: true, insecure: true } as const
  const config = loadConfig({ flags, environment: {} })
  const daemon = await startDaemon(config, silentLog)
  onTestFinished(() => daemon.close())
  return daemon
}

/** Starts there as soon as it can: ZeroMQ lets go of a port a moment after the socket was closed. */
async function startAgain(places: Places): Promise<Daemon> {
  let daemon: Daemon | undefined
  await eventually('the places are free again', async () => {
    daemon = await start(places).catch(() => undefined)
    return daemon !== undefined
  })
  return daemon as Daemon
}

async function problemOf(places: Places): Promise<string> {
  const error: unknown = await start(places).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Problem)) throw new Error(`no problem, but ${String(error)}`)
  return `${error.message} ${error.advice}`
}

describe('a daemon', () => {
  it('names where it listens, with real ports, and lets go of all of it when it is closed', async () => {
    const first = await start({})
    const places = { bind: first.endpoints, feed: first.feed ?? '', metrics: first.metricsAddress ?? '' }
    expect(places).toEqual({
      bind: [expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/)],
      feed: expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:[1-9]\d+$/),
      metrics: expect.stringMatching(/^127\.0\.0\.1:[1-9]\d+$/),
    })
    await first.close()
    await startAgain(places)
  })

  it('serves no metrics where they are off', async () => {
    expect((await start({ metrics: 'off' })).metricsAddress).toBeUndefined()
  })

  it('has no feed where it is off, and says where another one is in its way', async () => {
    expect((await start({ feed: 'off' })).feed).toBeUndefined()
    const feed = `tcp://127.0.0.1:${await takenPort()}`
    expect(await problemOf({ feed })).toBe(
      `cannot listen on ${feed}: the port is in use. ` +
        'Another holdfast may be running, or choose another port with --feed, or --feed off.',
    )
  })

  it('leaves nothing behind when a later part cannot be started', async () => {
    const bind = [`tcp://127.0.0.1:${await freePort()}`]
    const taken = await takenPort()
    expect(await problemOf({ bind, metrics: `127.0.0.1:${taken}` })).toBe(
      `cannot listen on 127.0.0.1:${taken}: the port is in use. ` +
        'Another holdfast may be running, or choose another port with --metrics, or --metrics off.',
    )
    expect((await startAgain({ bind })).endpoints).toEqual(bind)
  })

  it('listens on none of its endpoints where one of them cannot be had', async () => {
    const free = `tcp://127.0.0.1:${await freePort()}`
    const taken = `tcp://127.0.0.1:${await takenPort()}`
    expect(await problemOf({ bind: [free, taken] })).toMatch(`cannot listen on ${taken}: the port is in use.`)
    expect((await startAgain({ bind: [free] })).endpoints).toEqual([free])
  })

  it('does not take a path away from another daemon', async () => {
    const bind = [`ipc://${join(folder, 'commands')}`]
    const first = await start({ bind })
    expect(await problemOf({ bind })).toBe(
      `cannot listen on ${bind[0]}: another program listens there. Another holdfast may be running there ` +
        `(holdfast call --endpoint ${bind[0]} '{"cmd":"HELLO"}' asks it), or choose another path with --bind.`,
    )
    await first.close()
    expect((await startAgain({ bind })).endpoints).toEqual(bind)
  })

  it.each([
    ['ipc:///no/such/folder/socket', 'there is no such folder'],
    [`ipc:///tmp/${'long'.repeat(30)}`, 'the path is too long for a socket'],
    ['tcp://192.0.2.1:5560', 'no network interface of this machine has that address'],
    ['tcp://no-such-host.invalid:5560', 'that host is not known here'],
  ])('cannot take commands on %s', async (endpoint, reason) => {
    expect(await problemOf({ bind: [endpoint] })).toBe(
      `cannot listen on ${endpoint}: ${reason}. Choose another with --bind.`,
    )
  })

  it.each([
    ['192.0.2.1:9560', 'no network interface of this machine has that address'],
    ['no-such-host.invalid:9560', 'that host is not known here'],
  ])('cannot serve metrics on %s', async (address, reason) => {
    expect(await problemOf({ metrics: address })).toBe(
      `cannot listen on ${address}: ${reason}. Choose another with --metrics.`,
    )
  })
})
