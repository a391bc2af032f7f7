// The mutants' own tests: the form of a patch's header, the workshop's verdicts on a tiny tree, and the few real
// mutants that are tried in every run. All of them are tried by `npm run mutants`.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorkshop, parseMutant, readMutants, type Workshop } from './mutants/mutants.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const mutants = readMutants(root)
const quick = mutants.filter((mutant) => mutant.quick)
// More than the workshop itself allows: the test without the patch, and with it.
const judgeDurationMs = 300_000

const diff = (from: string, to: string) =>
  `diff --git a/src/sum.ts b/src/sum.ts\n--- a/src/sum.ts\n+++ b/src/sum.ts\n@@ -1 +1 @@\n-${from}\n+${to}\n`
const rightSum = 'export const sum = (a: number, b: number): number => a + b'
const header = 'Test: test/sum.test.ts\nWhy: sums would be wrong\n'

describe('the header of a mutant', () => {
  it('names the test, the titles, the reason, and whether every run tries it', () => {
    const text = `${header}Title: adds\nQuick: yes\n\n${diff('a', 'b')}`
    expect(parseMutant('m', text)).toEqual({
      name: 'm',
      patch: text,
      test: 'test/sum.test.ts',
      title: 'adds',
      why: 'sums would be wrong',
      quick: true,
    })
  })

  it.each([
    ['no test', `Why: because\n${diff('a', 'b')}`, "the line 'Test:' is missing"],
    ['no reason', `Test: test/sum.test.ts\n${diff('a', 'b')}`, "the line 'Why:' is missing"],
    ['a line it does not know', `${header}Tset: x\n${diff('a', 'b')}`, "unknown line 'Tset: x'"],
    ['no diff', header, 'it holds no diff'],
  ])('is refused with %s', (_what, text, message) => {
    expect(() => parseMutant('m', text)).toThrow(message)
  })
})

describe('the workshop', () => {
  let folder: string
  let workshop: Workshop

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-tiny-tree-'))
    for (const name of ['src', 'test']) mkdirSync(join(folder, name))
    for (const file of ['package.json', 'tsconfig.json', 'test/vitest.config.ts']) {
      copyFileSync(join(root, file), join(folder, file))
    }
    writeFileSync(join(folder, 'src/sum.ts'), `${rightSum}\n`)
    const test = (body: string) =>
      `import { expect, it } from 'vitest'\nimport { sum } from '../src/sum.ts'\nit('adds', () => ${body})\n`
    writeFileSync(join(folder, 'test/sum.test.ts'), test('expect(sum(2, 2)).toBe(4)'))
    writeFileSync(join(folder, 'test/broken.test.ts'), test('expect(sum(2, 2)).toBe(5)'))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    workshop = await openWorkshop(folder)
  })

  afterAll(async () => {
    await workshop.close()
    rmSync(folder, { recursive: true })
  })

  const judge = (text: string) => workshop.judge(parseMutant('m', text))
  const wrongSum = diff(rightSum, rightSum.replace('a + b', 'a - b'))

  it(
    'catches the wrong that the test sees, and takes the patch out again',
    async () => {
      expect(await judge(header + wrongSum)).toEqual({ caught: true, how: 'the test failed' })
      expect(await judge(header + wrongSum)).toEqual({ caught: true, how: 'the test failed' })
    },
    judgeDurationMs,
  )

  it.each([
    ['the test passes with', diff(rightSum, rightSum.replace('a + b', 'a * b')), 'passes with the patch'],
    ['has a title that no test has', `Title: multiplies\n${wrongSum}`, 'passes with the patch'],
    ['does not build', diff(rightSum, `${rightSum} + ''`), 'does not build'],
    ['no longer applies', diff('export const total = 1', 'export const total = 2'), 'no longer applies'],
  ])(
    'does not count a mutant that %s',
    async (_what, text, reason) => {
      expect(await judge(header + text)).toEqual({ caught: false, reason: expect.stringContaining(reason) })
    },
    judgeDurationMs,
  )

  it(
    'does not count a test that fails without the patch',
    async () => {
      const verdict = await judge(`Test: test/broken.test.ts\nWhy: sums would be wrong\n${wrongSum}`)
      expect(verdict).toEqual({ caught: false, reason: expect.stringContaining('fails without any patch') })
    },
    judgeDurationMs,
  )
})

describe('the mutants of this tree', () => {
  let workshop: Workshop
  beforeAll(async () => {
    workshop = await openWorkshop(root)
  })
  afterAll(() => workshop.close())

  it('all apply to the sources as they are', async () => {
    const stale = []
    for (const mutant of mutants) if (!(await workshop.applies(mutant))) stale.push(mutant.name)
    expect(stale).toEqual([])
  })

  it('are at most five in every run, so that a run stays short', () => {
    expect(quick.length).toBe(5)
  })

  it.each(quick)(
    'are caught: $name',
    async (mutant) => {
      expect(await workshop.judge(mutant)).toMatchObject({ caught: true })
    },
    judgeDurationMs,
  )
})
