// The unit for systemd: what it starts is what the daemon understands, and systemd takes it, where there is one to ask.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadConfig, type OptionName } from '../../src/config.ts'
import { run } from '../support/holdfast.ts'

const unit = readFileSync(new URL('../../docs/holdfast.service', import.meta.url), 'utf8')
const valueOf = (setting: string): string => new RegExp(`^${setting}=(.*)$`, 'm').exec(unit)?.[1] ?? ''
const [program = '', verb = '', ...args] = valueOf('ExecStart').split(' ')

/** It is no peer that must be there: a container, as CI has it, has no systemd. */
const analyzer = ['systemd-analyze'].find((command) => spawnSync(command, ['--version']).status === 0)

describe('the unit for systemd', () => {
  it('starts the daemon with options that it has, and values that it takes', async () => {
    const { stdout } = await run([verb, '--help'])
    const flags: Record<string, string[]> = {}
    for (let index = 0; index < args.length; index += 2) {
      const [flag = '', value = ''] = args.slice(index, index + 2)
      expect(stdout).toContain(`  ${flag} <`)
      flags[flag.slice(2)] = [...(flags[flag.slice(2)] ?? []), value]
    }
    const single = Object.entries(flags).map(([name, values]) => [name, name === 'bind' ? values : (values[0] ?? '')])
    const given = Object.fromEntries(single) as Partial<Record<OptionName, string | string[]>>
    expect(loadConfig({ flags: given, environment: {} })).toMatchObject({ durability: 'strict', insecure: false })
    expect(given.data, 'the folder that StateDirectory makes').toBe('/var/lib/holdfast')
  })

  it('starts it again only when it failed, and gives it the time to drain', () => {
    expect(valueOf('Restart')).toBe('on-failure')
    expect(Number(valueOf('TimeoutStopSec'))).toBeGreaterThan(60)
  })

  it.runIf(analyzer !== undefined)('is one that systemd takes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-unit-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'holdfast.service')
    // Nothing is installed here; a program that is not there would be held against the unit.
    writeFileSync(file, unit.replace(program, process.execPath))
    const { status, stderr } = spawnSync(analyzer as string, ['verify', file], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})
