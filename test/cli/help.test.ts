// What the program says of itself, and of arguments that it does not know.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { run } from '../support/holdfast.ts'

describe('holdfast', () => {
  it('says its version, which is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(await run(['--version'])).toMatchObject({ status: 0, stdout: `holdfast ${version}\n`, stderr: '' })
  })

  it('shows the verbs and the first steps when it is asked for help', async () => {
    const { status, stdout, stderr } = await run(['--help'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: holdfast VERB \[options\]$/m)
    expect(stdout).toMatch(/^ {2}serve +run the daemon$/m)
    expect(stdout).toMatch(/^ {2}call +send one command/m)
    expect(stdout).toContain(`holdfast call '{"cmd":"PING"}'`)
  })

  it('shows the same, as a misuse, when it is not told what to do', async () => {
    const { status, stdout, stderr } = await run([])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage: holdfast VERB/)
  })

  it.each(['serve', 'call', 'top', 'snapshot', 'export', 'import', 'check', 'shell'])(
    'has a help with an example for the verb %s',
    async (verb) => {
      const { status, stdout, stderr } = await run([verb, '--help'])
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toMatch(new RegExp(`^Examples:\n  holdfast ${verb}`, 'm'))
      expect(await run(['help', verb])).toMatchObject({ status: 0, stdout })
    },
  )
})

describe('a misuse has status 2 and is named:', () => {
  it.each([
    [['sevre'], "holdfast: unknown command 'sevre'\n  Did you mean serve?\n  holdfast --help shows what there is.\n"],
    [['--loud'], "holdfast: unknown option '--loud'\n  holdfast --help shows what there is.\n"],
    [
      ['serve', '--shard', '2'],
      "holdfast: unknown option '--shard'\n  Did you mean --shards?\n  holdfast serve --help shows what there is.\n",
    ],
    [['serve', '--colour', 'x'], "holdfast: unknown option '--colour'\n  holdfast serve --help shows what there is.\n"],
    [['call'], /^holdfast: missing required argument 'message'\n/],
    [['call', '{}', '--timeout', '0'], /^holdfast: option '--timeout <SECONDS>' argument '0' is invalid\. It must be/],
    [['call', '{}', '--endpoint', 'tcp://*:1'], /^holdfast: option '--endpoint <ENDPOINT>' argument .* is invalid\./],
  ])('%j', async (args, said) => {
    const { status, stdout, stderr } = await run(args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    if (said instanceof RegExp) expect(stderr).toMatch(said)
    else expect(stderr).toBe(said)
  })
})
