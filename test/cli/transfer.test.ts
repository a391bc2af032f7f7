// The verbs export and import as people use them: files, pipes and compressed files, what is said, exit statuses, and an
// import that is stopped, or whose daemon goes away.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, connect, type JsonObject } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { daemonOfTest, run } from '../support/holdfast.ts'
import { Program, programFile, type RunningDaemon, startDaemon } from '../support/program.ts'
import { folderOfTest, jsonLines } from '../support/transfers.ts'

/** On a busy machine a program takes its time. */
const startMsMax = 60_000

let daemon: RunningDaemon
let client: Client
beforeAll(async () => {
  daemon = await startDaemon()
  client = await connect(daemon.endpoint)
})
afterAll(async () => {
  await client.close()
  await daemon.program.end()
})

function here(...args: readonly string[]): string[] {
  const [verb = '', ...others] = args
  return [verb, '--endpoint', daemon.endpoint, ...others]
}

function written(name: string, contents: string | Uint8Array): string {
  const file = join(folderOfTest(), name)
  writeFileSync(file, contents)
  return file
}

async function fresh(state: string): Promise<void> {
  await client.call({ cmd: 'DELETE_STATE', state }).catch(() => {})
}

async function recordsOf(state: string): Promise<JsonObject[]> {
  return (await client.call({ cmd: 'LIST_RECORDS', state })).records as JsonObject[]
}

describe('holdfast export and import', () => {
  it('bring states of every kind into a compressed file and back', async () => {
    await client.call({ cmd: 'CREATE_STATE', state: 'leads' })
    await client.call({ cmd: 'CREATE_RECORD', state: 'leads', data: { a: 1 } })
    await client.call({ cmd: 'SET_KEY', state: 'settings', key: 'a', value: [1] })
    const file = join(folderOfTest(), 'all.jsonl.gz')
    const out = await run(here('export', '--states', 'leads,settings', file))
    expect(out).toMatchObject({ status: 0, stdout: '' })
    expect(out.stderr).toContain('exported 1 record and 1 key of 2 states\n')
    expect(existsSync(`${file}.partial`)).toBe(false)
    expect(gunzipSync(readFileSync(file)).toString()).toContain('{"record":{"id":1,"a":1}}\n')
    await fresh('leads')
    await fresh('settings')
    const back = await run(here('import', '--quiet', file))
    expect(back).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(await recordsOf('leads')).toEqual([{ id: 1, a: 1 }])
    const again = await run(here('import', '--json', file))
    expect(JSON.parse(again.stdout)).toMatchObject({
      ok: true,
      outcome: 'done',
      records: 0,
      unchanged: 2,
      refusals: [],
    })
  })

  it('go through pipes', async () => {
    await fresh('piped')
    const input = 'name,age\r\nAnn,3\r\n"Bo ""b""",\r\n'
    const back = await run(here('import', '--state', 'piped', '--format', 'csv', '-'), { input })
    expect(back).toMatchObject({ status: 0, stdout: '' })
    expect(back.stderr).toContain('imported 2 records; 1 new state\n')
    const out = await run(here('export', '--states', 'piped', '--format', 'csv', '-'))
    expect(out).toMatchObject({ status: 0, stdout: 'id,age,name\n1,3,Ann\n2,,"Bo ""b"""\n' })
  })

  it('end in silence when nobody reads any more', async () => {
    await fresh('wide')
    await client.call({ cmd: 'CREATE_STATE', state: 'wide' })
    const a = 'x'.repeat(10_000)
    await Promise.all(
      Array.from({ length: 300 }, () => client.call({ cmd: 'CREATE_RECORD', state: 'wide', data: { a } })),
    )
    const command = `"$0" "$1" export --endpoint "$2" --states wide - | head -c 10; echo " \${PIPESTATUS[0]}"`
    const shell = spawn('bash', ['-c', command, process.execPath, programFile, daemon.endpoint])
    let said = ''
    for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
    await new Promise((resolve) => shell.once('close', resolve))
    expect(said).toBe('{"holdfast 0\n')
  })
})

describe('holdfast import', () => {
  it('tells refused rows, keeps them, and ends with status 1', async () => {
    await fresh('some')
    const file = written('rows.jsonl', `{"a":1}\n${'{"b":1}\n'.repeat(22)}{"a":2}\n`)
    const { status, stderr } = await run(here('import', '--quiet', '--state', 'some', '--on-error', 'skip', file))
    expect(status).toBe(1)
    expect(stderr.split('\n')[0]).toMatch(/^line 2: SCHEMA_MISMATCH: /)
    expect(stderr.match(/^line /gm)).toHaveLength(20)
    expect(stderr).toContain('imported 2 records; 1 new state; 22 rows refused\nand 2 more were refused\n')
    expect(stderr).toContain(`the refused rows are in ${file}.rejected: mend and import it\n`)
    expect(readFileSync(`${file}.rejected`, 'utf8').split('\n')).toHaveLength(26)
    expect(existsSync(`${file}.progress`)).toBe(false)
  })

  it('stops at a refused row unless it is told otherwise, and then goes on without it', async () => {
    await fresh('halt')
    const file = written('rows.jsonl', `{"a":1}\n{"b":1}\n{"a":2}\n`)
    const stopped = await run(here('import', '--state', 'halt', file))
    expect(stopped.status).toBe(1)
    expect(stopped.stderr).toContain(
      'holdfast: the import was ended by a row that was refused.\n  With --on-error skip',
    )
    const more = await run(here('import', '--state', 'halt', '--on-error', 'skip', file))
    expect(more.stderr).toContain('going on at line 1\n')
    expect(await recordsOf('halt')).toEqual([
      { id: 1, a: 1 },
      { id: 3, a: 2 },
    ])
  })

  it('that gets a signal stops, says where it goes on, and goes on there', async () => {
    await fresh('signal')
    const file = written('rows.jsonl', jsonLines(...Array.from({ length: 30_000 }, (_, index) => ({ n: index }))))
    const program = new Program(here('import', '--state', 'signal', file))
    await eventually(
      'rows arrive',
      async () => {
        const info = await client.call({ cmd: 'GET_STATE_INFO', state: 'signal' }).catch(() => ({ current_length: 0 }))
        return (info.current_length as number) > 0
      },
      startMsMax,
    )
    program.child.kill('SIGINT')
    const { status, stderr } = await program.over
    expect(status).toBe(1)
    const line = /goes on at line ([\d,]+)\./.exec(stderr)?.[1]
    expect(line, stderr).toBeDefined()
    const more = await run(here('import', '--state', 'signal', '--json', file))
    expect(more.stderr).toContain(`going on at line ${line}\n`)
    expect(JSON.parse(more.stdout)).toMatchObject({ ok: true })
    expect((await recordsOf('signal')).map(({ n }) => n)).toEqual(Array.from({ length: 30_000 }, (_, index) => index))
  }, 60_000)

  it('waits for a daemon that goes away and comes back', async () => {
    const data = folderOfTest()
    const first = await daemonOfTest(['--data', data])
    const rows = Array.from({ length: 20_000 }, (_, index) => ({ n: index }))
    const file = written('rows.jsonl', jsonLines(...rows))
    const program = new Program(['import', '--endpoint', first.endpoint, '--state', 'a', '--json', '--quiet', file])
    const reader = await connect(first.endpoint)
    await eventually(
      'rows arrive',
      async () => {
        const info = await reader.call({ cmd: 'GET_STATE_INFO', state: 'a' }).catch(() => ({ current_length: 0 }))
        return (info.current_length as number) > 0
      },
      startMsMax,
    )
    await first.program.end()
    const second = await daemonOfTest(['--data', data, '--bind', first.endpoint])
    const { status, stdout, stderr } = await program.over
    await reader.close()
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, refused: 0 })
    const later = await connect(second.endpoint)
    const numbers: unknown[] = []
    for await (const { n } of later.table('a').list()) numbers.push(n)
    await later.close()
    expect(numbers).toEqual(rows.map(({ n }) => n))
  }, 90_000)
})

describe('a misuse has status 2 and is named:', () => {
  it.each([
    [['export', '--format', 'csv', 'a'], 'CSV holds one table.'],
    [
      ['export', '--states', 'nowhere', '/nowhere/x'],
      "cannot write '/nowhere/x.partial': there is no such file or folder.",
    ],
    [['import', 'a.csv'], 'CSV needs a table.'],
    [['import', '/nowhere/x'], "cannot read '/nowhere/x': there is no such file or folder."],
    [['import', '--delimiter', 'ab', 'x'], 'It must be one character'],
  ])('%j', async (args, said) => {
    const { status, stdout, stderr } = await run(here(...args))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(said)
  })
})
