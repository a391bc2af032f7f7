// `holdfast backup`, and the restore of docs/backup.md, done as that page says.
import { spawnSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { daemonOfTest, metricOfDaemon, run } from '../support/holdfast.ts'
import { programFile } from '../support/program.ts'
import { folderOfTest } from '../support/sqlite.ts'

const page = readFileSync(new URL('../../docs/backup.md', import.meta.url), 'utf8')

/** The commands under a heading of the page. */
function commandsUnder(heading: string): string[] {
  const [, block = ''] = /```sh\n([^]*?)```/.exec(page.slice(page.indexOf(`\n## ${heading}\n`))) ?? []
  return block.trim().split('\n')
}

it('makes a backup that is restored as the page says', async () => {
  const folder = folderOfTest()
  const data = join(folder, 'holdfast-data')
  const daemon = await daemonOfTest(['--data', data, '--shards', '2'])
  const at = ['--endpoint', daemon.endpoint]
  const set = (value: string): string =>
    JSON.stringify(['one', 'two', 'three'].map((state) => ({ cmd: 'SET_KEY', state, key: 'k', value })))
  await run(['call', set('kept'), ...at])
  const made = await run(['backup', 'nightly', ...at])
  expect(made).toMatchObject({ status: 0, stderr: '' })
  expect(made.stdout).toMatch(
    new RegExp(`^${join(data, 'backups', 'nightly')}: 2 shards, \\d+\\.\\d kB, in [\\d.]+ s\\n$`),
  )
  await run(['call', set('lost'), ...at])
  expect(await run(['backup', 'nightly', ...at])).toEqual({
    status: 1,
    signal: null,
    stdout: '',
    stderr:
      "holdfast: no backup was made: Backup 'nightly' already exists.\n" +
      '  Choose another name, or move that backup away.\n',
  })
  const refused = await run(['backup', '../x', ...at, '--json'])
  expect(refused.status).toBe(1)
  expect(JSON.parse(refused.stdout)).toMatchObject({ status: 'error', code: 'INVALID_REQUEST' })
  expect(await metricOfDaemon(daemon, 'holdfast_backup_last_bytes')).toBeGreaterThan(0)
  expect(await metricOfDaemon(daemon, 'holdfast_backup_failures_total')).toBe(1)
  await daemon.program.end()

  const commands = commandsUnder('Restore')
  expect(commands.pop()).toBe('holdfast serve --data ./holdfast-data')
  const script = [`holdfast() { '${process.execPath}' '${programFile}' "$@"; }`, 'set -e', ...commands].join('\n')
  const done = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' })
  expect(done, done.stderr).toMatchObject({ status: 0 })
  expect(done.stdout).toMatch(/^shard 0: whole, .*\nshard 1: whole, .*\n$/)
  expect(readdirSync(folder).sort()).toEqual(['holdfast-data', 'holdfast-data.before'])
  const restored = await daemonOfTest(['--data', data, '--shards', '2'])
  const get = JSON.stringify(['one', 'two', 'three'].map((state) => ({ cmd: 'GET_KEY', state, key: 'k' })))
  const { stdout } = await run(['call', get, '--endpoint', restored.endpoint])
  expect(JSON.parse(stdout)).toMatchObject([{ value: 'kept' }, { value: 'kept' }, { value: 'kept' }])
}, 60_000)

it('makes backups in the folder that the daemon is told', async () => {
  const folder = folderOfTest()
  const backups = join(folder, 'elsewhere', 'deeper')
  const daemon = await daemonOfTest(['--data', join(folder, 'data'), '--backups', backups])
  const { stdout } = await run(['backup', 'one', '--endpoint', daemon.endpoint, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ status: 'ok', name: 'one', path: join(backups, 'one'), shards: 1 })
  cpSync(join(backups, 'one'), join(folder, 'copy'), { recursive: true })
  expect(await run(['check', join(folder, 'copy')])).toMatchObject({ status: 0 })
})
