// Where options come from, which source wins, and that whatever cannot be meant is refused in words that help.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultLimits } from '../src/base/limits.ts'
import { Misuse } from '../src/base/problem.ts'
import { type ConfigSources, loadConfig } from '../src/config.ts'

const nothing: ConfigSources = { flags: {}, environment: {} }
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function fileOf(contents: unknown): string {
  const path = join(folder, 'holdfast.json')
  writeFileSync(path, typeof contents === 'string' ? contents : JSON.stringify(contents))
  return path
}

/** What is said about a configuration that is refused. */
function refusalOf(sources: Partial<ConfigSources>): { message: string; advice: string | undefined } {
  try {
    loadConfig({ ...nothing, ...sources })
  } catch (error) {
    if (error instanceof Misuse) return { message: error.message, advice: error.advice }
    throw error
  }
  throw new Error('it was accepted')
}

describe('the options', () => {
  it('have defaults that answer on this machine only', () => {
    const config = loadConfig(nothing)
    expect(config).toEqual({
      bind: ['tcp://127.0.0.1:5560'],
      feed: 'tcp://127.0.0.1:5561',
      metrics: { host: '127.0.0.1', port: 9560 },
      shards: undefined,
      data: './holdfast-data',
      durability: 'strict',
      extension: undefined,
      slowLogMs: 10,
      metricsLargest: 0,
      logLevel: 'info',
      insecure: false,
      limits: defaultLimits,
    })
  })

  it('come from the command line before the environment before the file before the defaults', () => {
    const file = fileOf({ shards: 1, 'log-level': 'warn', metrics: 'off', bind: ['ipc:///tmp/file'], memory: true })
    const environment = { HOLDFAST_SHARDS: '2', HOLDFAST_LOG_LEVEL: 'error', HOLDFAST_BIND: 'ipc:///a, ipc:///b' }
    const fromFile = { shards: 1, logLevel: 'warn', metrics: undefined, bind: ['ipc:///tmp/file'], data: undefined }
    const fromEnvironment = { ...fromFile, shards: 2, logLevel: 'error', bind: ['ipc:///a', 'ipc:///b'] }
    expect(loadConfig({ ...nothing, file })).toMatchObject(fromFile)
    expect(loadConfig({ flags: {}, file, environment })).toMatchObject(fromEnvironment)
    expect(loadConfig({ flags: { shards: '3' }, file, environment })).toMatchObject({ ...fromEnvironment, shards: 3 })
  })

  it("name a module of one's own, or off", () => {
    const file = fileOf({ extension: 'mine.js' })
    expect(loadConfig({ ...nothing, file }).extension).toBe('mine.js')
    expect(loadConfig({ flags: {}, file, environment: { HOLDFAST_EXTENSION: 'other.js' } }).extension).toBe('other.js')
    expect(loadConfig({ flags: { extension: 'off' }, file, environment: {} }).extension).toBeUndefined()
    expect(refusalOf({ flags: { extension: '' } }).message).toBe(
      "--extension must be the path of a file, or off, not ''.",
    )
  })

  it('take the file that the environment names, unless the command line names one', () => {
    const environment = { HOLDFAST_CONFIG: fileOf({ shards: 7 }) }
    expect(loadConfig({ flags: {}, environment }).shards).toBe(7)
    expect(refusalOf({ file: 'other.json', environment }).message).toContain('other.json')
  })

  it('take an empty variable for one that is not set', () => {
    expect(loadConfig({ flags: {}, environment: { HOLDFAST_METRICS: '', HOLDFAST_CONFIG: '' } }).metrics?.port).toBe(
      9560,
    )
  })

  it('leave alone the variables of others, and those of the tests and of the shell', () => {
    const others = { HOME: '/nowhere', HOLDFASTENER: '1', HOLDFAST_REQUIRE_PEERS: '1', HOLDFAST_HISTORY: '/nowhere' }
    expect(loadConfig({ flags: {}, environment: { ...others, HOLDFAST_SHARDS: '5' } }).shards).toBe(5)
  })

  it('may hold one endpoint in the file without a list', () => {
    expect(loadConfig({ ...nothing, file: fileOf({ bind: 'ipc:///a' }) }).bind).toEqual(['ipc:///a'])
  })

  it('change single limits', () => {
    const file = fileOf({ limits: { messageBytesMax: 1_000, requestDeadlineMs: 5 } })
    expect(loadConfig({ ...nothing, file }).limits).toEqual({
      ...defaultLimits,
      messageBytesMax: 1_000,
      requestDeadlineMs: 5,
    })
  })

  it('cannot be changed once they were read', () => {
    const config = loadConfig(nothing)
    for (const part of [config, config.bind, config.metrics, config.limits]) expect(Object.isFrozen(part)).toBe(true)
  })

  it('are read as switches from true, false, 1 and 0', () => {
    const data = (text: string) => loadConfig({ flags: {}, environment: { HOLDFAST_MEMORY: text } }).data
    const folder = './holdfast-data'
    expect(['true', '1', 'false', '0'].map(data)).toEqual([undefined, undefined, folder, folder])
  })
})

describe('what cannot be meant is refused:', () => {
  it.each([
    ['shards', '-1', "--shards must be an integer from 0 to 256, not '-1'."],
    ['shards', '257', "--shards must be an integer from 0 to 256, not '257'."],
    ['shards', '1.5', "--shards must be an integer from 0 to 256, not '1.5'."],
    ['shards', '', "--shards must be an integer from 0 to 256, not ''."],
    ['metrics', 'localhost', "--metrics must be HOST:PORT or off, not 'localhost'."],
    ['log-level', 'loud', "--log-level must be one of trace, debug, info, warn, error, fatal, silent, not 'loud'."],
    ['data', '', "--data must be the path of a folder, not ''."],
    ['durability', 'memory', "--durability must be strict or relaxed, not 'memory'."],
  ] as const)('--%s %s', (name, value, message) => {
    expect(refusalOf({ flags: { [name]: value } }).message).toBe(message)
  })

  it('a folder for nothing', () => {
    const { message } = refusalOf({ flags: { memory: true, data: 'folder' } })
    expect(message).toBe('--memory keeps nothing, so it cannot be given together with --data.')
  })

  it('a folder for backups of what is not kept', () => {
    const { message } = refusalOf({ flags: { memory: true, backups: './b' } })
    expect(message).toContain('--memory keeps nothing, so there is nothing to back up')
  })

  it('an endpoint among good ones', () => {
    const { message } = refusalOf({ flags: { bind: ['ipc:///a', 'tcp://127.0.0.1'] } })
    expect(message).toBe("--bind must be tcp://HOST:PORT or ipc://PATH, not 'tcp://127.0.0.1'.")
  })

  it('a bad value in a source that another one overrides', () => {
    const { message } = refusalOf({ flags: { shards: '1' }, environment: { HOLDFAST_SHARDS: 'many' } })
    expect(message).toBe("HOLDFAST_SHARDS must be an integer from 0 to 256, not 'many'.")
  })

  it('an unknown variable, with a guess', () => {
    expect(refusalOf({ environment: { HOLDFAST_SHARD: '1' } })).toEqual({
      message: 'the environment variable HOLDFAST_SHARD is not known.',
      advice: 'Did you mean HOLDFAST_SHARDS?',
    })
  })

  it('an unknown variable that is like no other, with all that are known', () => {
    const { advice } = refusalOf({ environment: { HOLDFAST_COLOUR: 'blue' } })
    expect(advice).toBe(
      'Known are HOLDFAST_BIND, HOLDFAST_FEED, HOLDFAST_METRICS, HOLDFAST_SHARDS, HOLDFAST_DATA, HOLDFAST_BACKUPS, ' +
        'HOLDFAST_DURABILITY, HOLDFAST_MEMORY, HOLDFAST_EXTENSION, HOLDFAST_SLOWLOG_MS, HOLDFAST_METRICS_LARGEST, HOLDFAST_LOG_LEVEL, HOLDFAST_INSECURE, HOLDFAST_CONFIG.',
    )
  })

  it.each([
    [{ shard: 1 }, "'shard' in FILE is not an option.", 'Did you mean shards?'],
    [{ logLevel: 'info' }, "'logLevel' in FILE is not an option.", 'Did you mean log-level?'],
    [{ colour: 'x' }, "'colour' in FILE is not an option.", expect.stringContaining('Known are bind, feed')],
    ['{"__proto__": {"shards": 3}}', "'__proto__' in FILE is not an option.", expect.any(String)],
    [
      { limits: { mesageBytesMax: 1 } },
      /'limits.mesageBytesMax' in FILE is not a limit/,
      'Did you mean messageBytesMax?',
    ],
    [{ limits: { peersMax: 0 } }, "'limits.peersMax' in FILE must be an integer from 1 to 9007199254740991, not '0'."],
    [{ limits: { requestDeadlineMs: 2 ** 31 } }, /an integer from 1 to 2147483647, not '2147483648'/],
    [{ limits: [] }, "'limits' in FILE must be an object, not '[]'."],
    [{ shards: '4' }, "'shards' in FILE must be an integer from 0 to 256, not '4'."],
    [{ memory: 'yes' }, "'memory' in FILE must be true or false, not 'yes'."],
    [{ bind: [] }, "'bind' in FILE must be tcp://HOST:PORT or ipc://PATH, not '[]'."],
    [{ bind: ['ipc:///a', 5] }, "'bind' in FILE must be tcp://HOST:PORT or ipc://PATH, not '5'."],
    ['{"shards": 1,\n "memory": true,\n}', 'the configuration file FILE is not JSON at line 3, column 1.'],
    ['', 'the configuration file FILE is not JSON: Unexpected end of JSON input.'],
    ['[]', 'the configuration file FILE must hold one JSON object, such as {"shards": 4}.'],
  ])('a file with %j', (contents, expected, advice?: unknown) => {
    const file = fileOf(contents)
    const refused = refusalOf({ file })
    const message = refused.message.replace(file, 'FILE')
    if (expected instanceof RegExp) expect(message).toMatch(expected)
    else expect(message).toBe(expected)
    if (advice !== undefined) expect(refused.advice).toEqual(advice)
  })

  it('a file that cannot be read, by its name as it was given', () => {
    expect(refusalOf({ file: './no/such.json' }).message).toBe(
      'cannot read the configuration file ./no/such.json: there is no such file.',
    )
    expect(refusalOf({ file: folder }).message).toBe(`cannot read the configuration file ${folder}: it is a folder.`)
  })

  it('control characters in a message about it', () => {
    const { message } = refusalOf({ flags: { metrics: '\u001B[2J' } })
    expect(message).not.toContain('\u001B')
  })
})

describe('an address that other machines can reach', () => {
  it.each(['tcp://0.0.0.0:5560', 'tcp://*:5560', 'tcp://10.1.2.3:5560', 'tcp://[::]:5560', 'tcp://example.org:5560'])(
    'is refused for commands: %s',
    (endpoint) => {
      expect(refusalOf({ flags: { bind: ['ipc:///a', endpoint] } }).message).toBe(
        `refusing to listen on ${endpoint}: other machines could reach it, and could read and change every state unasked.`,
      )
      expect(loadConfig({ ...nothing, flags: { bind: [endpoint], insecure: true } }).bind).toEqual([endpoint])
    },
  )

  it('is refused for the feed', () => {
    const flags = { feed: 'tcp://0.0.0.0:5561' }
    expect(refusalOf({ flags })).toEqual({
      message:
        'refusing to publish on tcp://0.0.0.0:5561: other machines could reach it, and could read every change unasked.',
      advice: 'Use 127.0.0.1, or add --insecure if everybody on that network may do so.',
    })
    expect(loadConfig({ ...nothing, flags: { ...flags, insecure: true } }).feed).toBe('tcp://0.0.0.0:5561')
    expect(loadConfig({ ...nothing, flags: { feed: 'off' } }).feed).toBeUndefined()
  })

  it('is refused for metrics', () => {
    expect(refusalOf({ environment: { HOLDFAST_METRICS: '0.0.0.0:9560' } })).toEqual({
      message: 'refusing to serve metrics on 0.0.0.0:9560: other machines could read them unasked.',
      advice: 'Use 127.0.0.1, or add --insecure if everybody on that network may do so.',
    })
    const environment = { HOLDFAST_METRICS: '0.0.0.0:9560', HOLDFAST_INSECURE: '1' }
    expect(loadConfig({ flags: {}, environment }).metrics).toEqual({ host: '0.0.0.0', port: 9560 })
  })
})
