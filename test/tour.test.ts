// Every snippet of the README's tour is run as it stands, against the built daemon; only the port is another one, and
// `npx holdfast` is the file that npx would run. What a snippet prints is compared with the JSON shown below it.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { daemonOfTest } from './support/holdfast.ts'
import { describeWithPeer, pythonWithZmq } from './support/peers.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = readFileSync(`${root}README.md`, 'utf8')
const tour = /## A five-minute tour\n(.*?)\n## /s.exec(readme)?.[1] ?? ''

interface Snippet {
  readonly language: string
  readonly code: string
  /** What is shown below it: one reply a line. */
  readonly shown: readonly unknown[]
}

function snippets(text: string): Snippet[] {
  const blocks = [...text.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language = '', code = '']) => ({ language, code }))
  return blocks.flatMap(({ language, code }, index) => {
    if (language === 'json') return []
    const next = blocks[index + 1]
    const lines = next?.language === 'json' ? next.code.trim().split('\n') : []
    return [{ language, code, shown: lines.map((line): unknown => JSON.parse(line)) }]
  })
}

/** Python shows True, None and single quotes; Node shows objects in its own way. Both print one reply a line here. */
function prepared({ language, code }: Snippet, endpoint: string): { command: string; args: string[]; file?: string } {
  const here = code.replaceAll('tcp://127.0.0.1:5560', endpoint)
  if (language === 'sh') {
    const cli = `${JSON.stringify(process.execPath)} dist/src/cli/main.js`
    const script = here.replaceAll('npx holdfast call', `${cli} call --json --endpoint ${endpoint}`)
    return { command: 'sh', args: ['-c', script] }
  }
  if (language === 'python') {
    const printing = here.replaceAll(/^print\((.*)\)$/gm, 'print(__import__("json").dumps($1))')
    return { command: pythonWithZmq() ?? 'python3', args: ['-c', printing] }
  }
  const file = `${root}dist/tour-snippet.mjs`
  writeFileSync(file, here.replaceAll(/console\.log\((.*)\)$/gm, 'console.log(JSON.stringify($1))'))
  return { command: process.execPath, args: [file], file }
}

describeWithPeer('the five-minute tour', pythonWithZmq(), () => {
  it('does what the README shows, snippet by snippet', async () => {
    const daemon = await daemonOfTest()
    const [start, ...others] = snippets(tour)
    expect(start?.code.trim(), 'the daemon is started as on the first screen').toBe('npm start')
    expect(others.map(({ language }) => language)).toEqual(['sh', 'sh', 'python', 'sh', 'js', 'sh', 'js', 'js', 'js'])
    for (const snippet of others) {
      const { command, args, file } = prepared(snippet, daemon.endpoint)
      const { stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8', timeout: 20_000 })
      if (file !== undefined) rmSync(file)
      expect(stderr, snippet.code).toBe('')
      const printed = stdout.trim().split('\n')
      expect(printed.length, `${snippet.code}\n${stdout}${stderr}`).toBe(snippet.shown.length)
      expect(printed.map((line): unknown => JSON.parse(line))).toEqual(snippet.shown)
    }
  })
})

describe('the reader of snippets', () => {
  it('finds code, and the replies that are shown below it', () => {
    const text = '```sh\na\n```\ntext\n```json\n{"x": 1}\n[2]\n```\n```js\nb\n```\n'
    expect(snippets(text)).toEqual([
      { language: 'sh', code: 'a\n', shown: [{ x: 1 }, [2]] },
      { language: 'js', code: 'b\n', shown: [] },
    ])
  })
})
