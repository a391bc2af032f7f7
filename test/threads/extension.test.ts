// Hooks of an engine as a whole: a module loaded into each shard's thread, what of it reaches the log and the metrics,
// and the hooks that an embedding program adds with and without threads.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type Engine, type EngineOptions, openEngine } from '../../src/engine.ts'
import type { ChangeView } from '../../src/protocol/hooks.ts'
import { loadExtension } from '../../src/shard/extension.ts'
import { eventually } from '../support/eventually.ts'
import { daemonOfTest, metricOfDaemon, run } from '../support/holdfast.ts'
import { namesOnShard } from '../support/shards.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-hooks-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function moduleOf(text: string, name = 'mine.mjs'): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

async function engineOfTest(options: EngineOptions): Promise<Engine> {
  const engine = await openEngine(options)
  onTestFinished(() => engine.close())
  return engine
}

const traffic = { initial: 'red', states: { red: { on: { NEXT: 'green' } }, green: {} } }

describe.each([[0], [2]])('an extension with shards: %d', (shards) => {
  it('is asked and told in every shard', async () => {
    const told = join(folder, 'told')
    const extension = moduleOf(`
      import { appendFileSync } from 'node:fs'
      export const validate = ({ new_value }) => { if (new_value?.n === 13) throw new Error('no 13 here') }
      export const onChange = (state, delta) => appendFileSync(${JSON.stringify(told)}, JSON.stringify([state, delta]) + '\\n')
    `)
    const engine = await engineOfTest({ shards, extension })
    const names = [0, 1].flatMap((shard) => namesOnShard(shard, 2, 1))
    for (const state of names) {
      await engine.call({ cmd: 'CREATE_STATE', state })
      const refused = await engine.call({ cmd: 'CREATE_RECORD', state, data: { n: 13 } })
      expect(refused).toMatchObject({ code: 'REFUSED_BY_HOOK', reason: 'no 13 here' })
      expect(await engine.call({ cmd: 'CREATE_RECORD', state, data: { n: 1 } })).toMatchObject({ id: 1, version: 1 })
    }
    await engine.close()
    const lines = readFileSync(told, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    for (const state of names) expect(lines).toContainEqual([state, { create_record: { id: 1, n: 1 } }])
    expect(lines).toHaveLength(4)
  })

  it('whose hook fails is logged, with the hook and the state', async () => {
    const warnings: object[] = []
    const log = { info() {}, warn: (fields: object) => void warnings.push(fields), error() {} }
    const extension = moduleOf("export default { onChange() { throw new Error('no disk') } }")
    const engine = await engineOfTest({ shards, extension, log })
    expect(await engine.call({ cmd: 'CREATE_STATE', state: 'jobs' })).toMatchObject({ status: 'ok' })
    await eventually('the failure is logged', () => warnings.length > 0)
    expect(warnings).toEqual([expect.objectContaining({ hook: 'onChange', state: 'jobs', reason: 'no disk' })])
  })

  it.each([
    ['is not there', undefined, /^the extension \S+ cannot be loaded: .*missing/s],
    ['has a fault', 'export const onChange = (', /^the extension \S+ cannot be loaded: /],
    ['fails as it is loaded', "throw new Error('no database')", /no database/],
    ['exports no hook', 'export const onchange = 1', /exports none of validate, onTransition, onChange/],
    ['exports something else as a hook', 'export const validate = {}', /its 'validate' is not a function/],
  ])('stops the start, with words, if it %s', async (_what, text, message) => {
    const extension = text === undefined ? join(folder, 'missing.mjs') : moduleOf(text)
    await expect(openEngine({ shards, extension })).rejects.toThrow(message)
  })

  it('is told of transitions, and so is the program around the engine', async () => {
    const told = join(folder, 'told')
    const extension = moduleOf(`
      import { appendFileSync } from 'node:fs'
      export const onTransition = ({ from, to, event }) => appendFileSync(${JSON.stringify(told)}, from + to + event)
    `)
    const engine = await engineOfTest({ shards, extension })
    const seen: ChangeView[] = []
    const remove = await engine.onTransition('lights', (change) => {
      seen.push(change)
      throw new Error('this one fails')
    })
    await engine.onTransition('lights', (change) => void seen.push(change))
    await engine.call({ cmd: 'CREATE_STATE', state: 'lights', kind: 'machine', definition: traffic })
    for (const id of ['a', 'b']) await engine.call({ cmd: 'CREATE_INSTANCE', state: 'lights', id })
    await engine.call({ cmd: 'SEND_EVENT', state: 'lights', id: 'a', event: 'NEXT' })
    await eventually('both hooks were told', () => seen.length === 2)
    remove()
    await engine.call({ cmd: 'SEND_EVENT', state: 'lights', id: 'b', event: 'NEXT' })
    await eventually('the other hook was told', () => seen.length === 3)
    expect(seen.map(({ id, from, to, event }) => [id, from, to, event])).toEqual([
      ['a', 'red', 'green', 'NEXT'],
      ['a', 'red', 'green', 'NEXT'],
      ['b', 'red', 'green', 'NEXT'],
    ])
    expect(readFileSync(told, 'utf8')).toBe('redgreenNEXT'.repeat(2))
  })
})

it('the module of the README is one, and refuses what it says', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const blocks = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, text = '']) => text)
  const text = blocks.find((block) => block.includes('export function validate')) ?? ''
  const extension = await loadExtension(moduleOf(text))
  expect(Object.keys(extension)).toEqual(['validate', 'onTransition', 'onChange'])
  const change = { state: 'orders', version: 1, type: 'created', id: 1, new_value: { id: 1, total: -1 }, at: 1 }
  expect(() => extension.validate?.(change)).toThrow('a total is not negative')
})

describe("in a program of one's own", () => {
  it('validate refuses without threads, and says that it cannot with them', async () => {
    const engine = await engineOfTest({ shards: 0 })
    const remove = engine.validate('jobs', ({ new_value }) => {
      if (new_value !== undefined) throw new Error('read only')
    })
    await engine.call({ cmd: 'CREATE_STATE', state: 'jobs' })
    await expect(engine.table('jobs').insert({ n: 1 })).rejects.toThrow('Refused by a hook: read only')
    remove()
    remove()
    expect(await engine.call({ cmd: 'CREATE_RECORD', state: 'jobs', data: { n: 1 } })).toMatchObject({ id: 1 })
    const threaded = await engineOfTest({ shards: 1 })
    expect(() => threaded.validate('jobs', () => {})).toThrow('validate needs an engine with shards: 0')
  })

  it('a shard that was started again tells its transitions still', async () => {
    const engine = await engineOfTest({ shards: 1, faultsEnabled: true })
    const seen: ChangeView[] = []
    await engine.onTransition('lights', (change) => void seen.push(change))
    await engine.injectFault(0, 'throw')
    await engine.call({ cmd: 'PING' })
    await engine.call({ cmd: 'CREATE_STATE', state: 'other' })
    await eventually('the shard serves again', () => engine.deaths().length === 1 && engine.router.isReady)
    await engine.call({ cmd: 'CREATE_STATE', state: 'lights', kind: 'machine', definition: traffic })
    await engine.call({ cmd: 'CREATE_INSTANCE', state: 'lights', id: 'a' })
    await engine.call({ cmd: 'SEND_EVENT', state: 'lights', id: 'a', event: 'NEXT' })
    await eventually('the hook was told', () => seen.length === 1)
  })
})

describe('a daemon with an extension', () => {
  it('logs and counts what its hooks do, and outlives a promise that they forget', async () => {
    const extension = moduleOf(`
      export function onChange(state) {
        if (state === 'forgotten') void Promise.reject(new Error('nobody waits'))
        if (state === 'failing') throw new Error('no disk')
      }
    `)
    const daemon = await daemonOfTest(['--extension', extension, '--shards', '2'])
    for (const state of ['forgotten', 'failing']) {
      const command = JSON.stringify({ cmd: 'CREATE_STATE', state })
      expect(await run(['call', command, '--endpoint', daemon.endpoint])).toMatchObject({ status: 0 })
    }
    await eventually('both are logged', () =>
      ['nobody waits', 'no disk'].every((reason) => daemon.program.log.some((line) => line.reason === reason)),
    )
    expect(daemon.program.log).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ msg: 'an extension left a rejected promise behind', reason: 'nobody waits' }),
        expect.objectContaining({ msg: 'a hook failed', hook: 'onChange', state: 'failing', reason: 'no disk' }),
      ]),
    )
    expect(await metricOfDaemon(daemon, 'holdfast_state_losses_total')).toBe(0)
    const scrape = await (await fetch(`http://${daemon.metrics}/metrics`)).text()
    expect(scrape).toMatch(/holdfast_hook_calls_total\{shard="\d",hook="onChange",outcome="failed"\} 1/)
  })

  it('does not start with one that cannot be loaded', async () => {
    const extension = moduleOf('export const nothing = 1')
    const arguments_ = [
      'serve',
      '--memory',
      '--bind',
      'tcp://127.0.0.1:0',
      '--feed',
      'off',
      '--metrics',
      'off',
      '--extension',
      extension,
    ]
    const { status, stdout, stderr } = await run(arguments_)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^holdfast: the extension .* cannot be loaded: it exports none of/m)
    expect(stderr).not.toContain('    at ')
  })
})
