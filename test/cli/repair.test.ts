// `holdfast check --repair`: asks before it does anything, keeps away from a folder in use, and says what came of it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openEngine } from '../../src/engine.ts'
import { daemonOfTest, run } from '../support/holdfast.ts'
import { describeWithPeer, tmux } from '../support/peers.ts'
import { programFile } from '../support/program.ts'
import { folderOfTest, withDatabase } from '../support/sqlite.ts'
import { TmuxTerminal } from '../support/tmux.ts'

async function damaged(): Promise<string> {
  const data = folderOfTest()
  const engine = await openEngine({ shards: 0, data })
  await engine.call({ cmd: 'CREATE_STATE', state: 'leads' })
  await engine.call({ cmd: 'CREATE_RECORD', state: 'leads', data: { name: 'Ann' } })
  await engine.call({ cmd: 'CREATE_RECORD', state: 'leads', data: { name: 'Bob' } })
  await engine.close()
  withDatabase(join(data, 'shard-0.db'), (database) => {
    database.exec("UPDATE rows SET bytes = replace(bytes, 'Ann', 'Eve')")
  })
  return data
}

/** Whoever closes a database may still tidy it up later, so what is compared is which files there are. */
function filesIn(data: string): string[] {
  return readdirSync(data).filter((name) => !name.endsWith('-shm') && !name.endsWith('-wal'))
}

async function served(data: string) {
  const engine = await openEngine({ shards: 0, data })
  const reply = await engine.call({ cmd: 'LIST_RECORDS', state: 'leads' })
  await engine.close()
  return reply
}

interface Repaired {
  readonly ok: boolean
  readonly shards: readonly {
    readonly repair?: { readonly kept?: readonly string[]; readonly set_aside_file?: string }
  }[]
}

describe('holdfast check --repair', () => {
  it('refuses, as a misuse, where it could not ask, and changes nothing', async () => {
    const data = await damaged()
    const before = filesIn(data)
    expect(await run(['check', data, '--repair'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('there is no terminal to ask on') as string,
    })
    expect(await run(['check', data, '--yes'])).toMatchObject({ status: 2 })
    expect(filesIn(data)).toEqual(before)
  })

  it('makes it other data, so that no client sends again what it may have run before', async () => {
    const data = await damaged()
    const idOf = (): unknown => (JSON.parse(readFileSync(join(data, 'holdfast.json'), 'utf8')) as { id: string }).id
    const before = idOf()
    await run(['check', data])
    expect(idOf()).toBe(before)
    await run(['check', data, '--repair', '--yes'])
    expect(idOf()).not.toBe(before)
  })

  it('repairs without a question with --yes, and says what is lost and where it is', async () => {
    const data = await damaged()
    const { status, stdout, stderr } = await run(['check', data, '--repair', '--yes', '--json'])
    expect(status).toBe(0)
    const said = JSON.parse(stdout) as Repaired
    expect(said).toEqual({
      ok: true,
      shards: [
        {
          shard: 0,
          lost: [expect.stringContaining('is damaged'), "state 'leads' has 1 of its 2 rows"],
          repair: {
            done: true,
            commits: 3,
            states: 1,
            lost: [expect.stringContaining('probably the record 1'), "state 'leads' has 1 of its 2 rows"],
            set_aside: 1,
            set_aside_file: expect.stringContaining('shard-0.damaged-'),
            kept: expect.arrayContaining([expect.stringMatching(/shard-0\.damaged-.*\.db$/)]) as string[],
          },
        },
      ],
    })
    expect(stderr).toContain('shard 0: repaired, 1 states\n')
    const { kept = [], set_aside_file: file = '' } = said.shards[0]?.repair ?? {}
    expect(kept.every((name) => existsSync(name))).toBe(true)
    expect(readFileSync(file, 'utf8')).toContain('Eve')
    expect(await run(['check', data])).toMatchObject({ status: 0, stdout: 'shard 0: whole, 1 states, 3 commits\n' })
    expect(await served(data)).toMatchObject({ records: [{ id: 2, name: 'Bob' }], version: 1_000_002 })
    expect(await run(['check', data, '--repair', '--yes'])).toMatchObject({ status: 0 })
  })

  it('has a shard begin anew only where that is said too', async () => {
    const data = await damaged()
    writeFileSync(join(data, 'shard-0.db'), 'no database')
    expect(await run(['check', data, '--repair', '--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/cannot be repaired: .*--start-empty/) as string,
    })
    expect(readFileSync(join(data, 'shard-0.db'), 'utf8')).toBe('no database')
    expect(await run(['check', data, '--repair', '--yes', '--start-empty'])).toMatchObject({ status: 0 })
    const kept = readdirSync(data).find((name) => /^shard-0\.damaged-.*\.db$/.test(name)) ?? ''
    expect(readFileSync(join(data, kept), 'utf8')).toBe('no database')
    expect(await served(data)).toMatchObject({ code: 'STATE_NOT_FOUND' })
  })

  it('keeps away from a folder that a daemon has', async () => {
    const data = folderOfTest()
    await daemonOfTest(['--data', data])
    expect(await run(['check', data, '--repair', '--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is in use') as string,
    })
  })
})

describeWithPeer('holdfast check --repair on a terminal', tmux(), (command) => {
  it.each([
    ['y', 'ended with 0', true],
    ['no', 'ended with 1', false],
  ])('asks, and takes %s for an answer', async (answer, end, isDone) => {
    const data = await damaged()
    const terminal = new TmuxTerminal(command, {
      command: [process.execPath, programFile, 'check', data, '--repair'],
      environment: {},
      width: 200,
      height: 40,
    })
    await terminal.shows('Repair, and keep the old files beside the new ones? [y/N]')
    expect(terminal.screen()).toContain('shard 0: a repair keeps 1 states; lost for good:\n')
    terminal.type(answer)
    terminal.press('Enter')
    await terminal.shows(end)
    expect(readdirSync(data).some((name) => basename(name).includes('.damaged-'))).toBe(isDone)
  })

  it('takes Ctrl-D for a no', async () => {
    const data = await damaged()
    const before = filesIn(data)
    const terminal = new TmuxTerminal(command, {
      command: [process.execPath, programFile, 'check', data, '--repair'],
      environment: {},
      width: 200,
      height: 40,
    })
    await terminal.shows('[y/N]')
    terminal.press('C-d')
    await terminal.shows('ended with 1')
    expect(filesIn(data)).toEqual(before)
    expect(await run(['check', data])).toMatchObject({ status: 1 })
  })
})
