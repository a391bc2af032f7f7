// The programs in examples/, run as their first lines say, each against a daemon of its own: what they print is what they
// are there to show. The rate limiter, which others will copy, is also asked by many processes at once.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { daemonOfTest } from './support/holdfast.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const runFile = promisify(execFile)

/** What it prints; whatever it says on standard error, or a failure, fails the test. */
async function runNode(...args: string[]): Promise<string[]> {
  const { stdout, stderr } = await runFile(process.execPath, args, { cwd: root, timeout: 60_000 })
  expect(stderr).toBe('')
  return stdout.trim().split('\n')
}

const builtFile = (file: string): string => `dist/examples/${file.replace('.ts', '.js')}`

const examples: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  'cache.ts': [
    'miss: user:123:profile',
    'hit: user:123:profile',
    /^\{ name: 'Alice'/,
    '2 entries of this user are forgotten',
    'miss: user:123:profile',
    'miss: user:123:profile',
  ],
  'checkpoints.ts': [
    'first: fetched, next is "convert"',
    'first: converted, next is "publish"',
    'first dies',
    'second: rejected, next is "convert"',
    'second: converted, next is "publish"',
    'published: 42',
    'second: published, next is "done"',
    '5 steps were made',
  ],
  'configuration.ts': [
    'version 1: {"replicas":3,"features":[]}',
    'Conflict: expected version 1, found 2',
    'version 22: 5 replicas, 20 features',
  ],
  'credit.ts': [
    'p1: alice has 70, bob has 30',
    "p1: Operation 1 was refused: Key 'payments/p1' already exists",
    'p2: alice has not 300',
    '1 of 2 was refused',
    'together they have 100',
  ],
  'critical-section.ts': [
    'while it is held: busy',
    'migrating',
    '10 operations, one after the other: 1 2 3 4 5 6 7 8 9 10',
    'Error: the operation failed',
    'afterwards: free again',
  ],
  'deployment.ts': [
    'v1.2.3: deployed over v0.0.0',
    'v1.2.4: another deployment is running',
    'v1.2.3: deployed already',
    'v1.2.4: deployed over v1.2.3',
    '2 deployments: v1.2.3, v1.2.4',
  ],
  'hooks.ts': [
    'report.pdf: pending -> processing via process',
    'report.pdf: processing -> failed via fail',
    "complete: 'complete' is not possible from \"failed\", but {'retry'}",
    'report.pdf: failed -> processing via retry',
    'report.pdf: processing -> failed via fail',
    'retry: Refused by a hook: a source is tried twice and not more',
  ],
  'migration.ts': [
    'slow: begins to move the workload from n1 to n2',
    'fast: has the lock, with a newer token: true',
    'slow: FENCED',
    'the workload is on n3, moved by fast',
  ],
  'rate-limit.ts': ['100 of 250 requests are allowed', 'the next window begins in 60 minutes'],
  'reconcile.ts': ['start web/1', 'start web/2', 'restart web/1', 'stop web/2', "{ id: 1, name: 'Alice' }"],
  'sessions.ts': [
    'alice active',
    "bob { over: 'expired' }",
    "carol { over: 'left' }",
    /^'see' is not possible from \{"over":"expired"\}/,
    'left in the basket of bob: tea',
    'alice is still there',
  ],
  'sources.ts': [
    'a is taken by 1 of 3 workers',
    'b has failed; possible now: retry',
    `'complete' is not possible from "failed", but {'retry'}`,
    'a is indexed: 12 pages, by w1',
    'b is indexed: 3 pages, by w2',
    'b: pending, process -> "processing", fail -> "failed", retry -> "pending", process -> "processing", complete -> "indexed"',
  ],
  'undo.ts': [
    'prices are raised: tea is 600 cents',
    'prices are gone: tea is undefined cents',
    'back to examples:step2: 2 states, 3 records',
    'prices are raised: tea is 600 cents',
    'prices are raised: tea is 300 cents',
  ],
  'workers.ts': ['a worker dies with job 1', /^job 1 is tried again, by worker [abc]$/, '10 jobs are done, 0 are left'],
}

describe('an example', () => {
  it.each(Object.entries(examples))('does what it is there to show: %s', async (file, expected) => {
    const { endpoint } = await daemonOfTest()
    const printed = await runNode(builtFile(file), endpoint)
    expect(printed.length, printed.join('\n')).toBe(expected.length)
    for (const [index, line] of expected.entries()) {
      if (typeof line === 'string') expect(printed[index]).toBe(line)
      else expect(printed[index]).toMatch(line)
    }
  })

  it('is in the list above, and in the README', () => {
    const files = readdirSync(`${root}examples`).filter((file) => file.endsWith('.ts'))
    expect(files.toSorted()).toEqual(Object.keys(examples))
    const listed = [...readFileSync(`${root}README.md`, 'utf8').matchAll(/^- \[`examples\/(\S+)`\]/gm)]
    expect(listed.map(([, file = '']) => file).toSorted()).toEqual(Object.keys(examples))
  })
})

describe('the rate limiter of the examples', () => {
  /** Some clients in a process, which ask without a pause for so long, and say how many windows and permits they saw. */
  const asking = (endpoint: string, windowMs: number, forMs: number): Promise<string[]> =>
    runNode(
      '--input-type=module',
      '--eval',
      `
      import { connect } from 'holdfast/client'
      import { isAllowed } from './dist/examples/rate-limit.js'
      const clients = await Promise.all(Array.from({ length: 8 }, () => connect('${endpoint}')))
      const end = Date.now() + ${forMs}
      let [allowed, asked, windows] = [0, 0, 0]
      // Counts the windows, of which each begins with a count of 1.
      const counting = (keys) => ({
        increment: async (...args) => {
          const count = await keys.increment(...args)
          if (count === 1) windows += 1
          return count
        },
      })
      await Promise.all(clients.flatMap((client) => Array.from({ length: 10 }, async () => {
        const keys = counting(client.keys('limits'))
        do {
          asked += 1
          if (await isAllowed(keys, 'api', { limit: 100, windowMs: ${windowMs} })) allowed += 1
        } while (Date.now() < end)
      })))
      await Promise.all(clients.map((client) => client.close()))
      console.log(JSON.stringify({ allowed, asked, windows }))
      `,
    )

  it.each([
    ['one long window', 3_600_000, 300],
    ['many short ones', 100, 1_000],
  ])('admits no more than the limit in %s, however many processes ask at once', async (_what, windowMs, forMs) => {
    const { endpoint } = await daemonOfTest()
    const outputs = await Promise.all(Array.from({ length: 3 }, () => asking(endpoint, windowMs, forMs)))
    const sums = { allowed: 0, asked: 0, windows: 0 }
    for (const [line = ''] of outputs) {
      const seen = JSON.parse(line) as typeof sums
      for (const what of ['allowed', 'asked', 'windows'] as const) sums[what] += seen[what]
    }
    expect(sums.asked).toBeGreaterThan(sums.allowed)
    expect(sums.allowed).toBeLessThanOrEqual(100 * sums.windows)
    if (windowMs > forMs) expect(sums).toMatchObject({ windows: 1, allowed: 100 })
    else expect(sums.windows).toBeGreaterThan(2)
  })
})
