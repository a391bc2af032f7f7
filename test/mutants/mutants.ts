// Mutants: small wrongs, kept as patches, that a named test must notice. They test the tests.
// Owns the form of test/mutants/NAME.patch and the workshop, a copy of the tree in which one patch at a time is tried.
// Invariant: the working tree itself is never changed. Used by run.ts and by test/mutants.test.ts.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { treeFiles } from '../support/tree.ts'

/** One patch. Its header lines stand above the diff, each `Key: value`. */
export interface Mutant {
  readonly name: string
  /** The patch itself, header included: git ignores what stands above a diff. */
  readonly patch: string
  /** `Test:` the file whose failure is wanted. */
  readonly test: string
  /** `Title:` a pattern for vitest's -t, when not the whole file is meant. */
  readonly title: string | undefined
  /** `Why:` what would go wrong for a user, were this the code. */
  readonly why: string
  /** `Quick: yes` for the few that every `npm test` tries. */
  readonly quick: boolean
}

export type Verdict =
  | { readonly caught: true; readonly how: 'the test failed' | 'the test hung' }
  | { readonly caught: false; readonly reason: string }

export interface Workshop {
  /** Tells whether the patch still fits the sources; tries nothing. */
  applies(mutant: Mutant): Promise<boolean>
  /** Runs the test without the patch (once per file) and with it. One mutant at a time. */
  judge(mutant: Mutant): Promise<Verdict>
  /** Ends what is running and removes the copy. */
  close(): Promise<void>
}

// A mutant may loop for ever without yielding, where no timeout of the test runner can act.
const testDurationMs = 120_000

/** All mutants of the tree, by name. Throws on a header that is not whole, or that names a test that is not there. */
export function readMutants(root: string): Mutant[] {
  const folder = join(root, 'test/mutants')
  const names = readdirSync(folder).filter((file) => file.endsWith('.patch'))
  return names.sort().map((file) => {
    const mutant = parseMutant(file.replace(/\.patch$/, ''), readFileSync(join(folder, file), 'utf8'))
    if (!existsSync(join(root, mutant.test))) throw new Error(`mutant ${mutant.name}: there is no ${mutant.test}`)
    return mutant
  })
}

export function parseMutant(name: string, patch: string): Mutant {
  const diffAt = patch.search(/^(diff --git|--- )/m)
  if (diffAt < 0) throw new Error(`mutant ${name}: it holds no diff`)
  const header = new Map<string, string>()
  for (const line of patch.slice(0, diffAt).split('\n')) {
    if (line.trim() === '') continue
    const [, key = '', value = ''] = /^(\w+): *(.*)$/.exec(line) ?? []
    if (!['Test', 'Title', 'Why', 'Quick'].includes(key)) throw new Error(`mutant ${name}: unknown line '${line}'`)
    header.set(key, value.trim())
  }
  const needed = (key: string): string => {
    const value = header.get(key) ?? ''
    if (value === '') throw new Error(`mutant ${name}: the line '${key}:' is missing above the diff`)
    return value
  }
  const quick = header.get('Quick') === 'yes'
  return { name, patch, test: needed('Test'), title: header.get('Title'), why: needed('Why'), quick }
}

/** Copies the tree to a temporary folder; node_modules is shared by a link. */
export async function openWorkshop(root: string): Promise<Workshop> {
  const copy = await mkdtemp(join(tmpdir(), 'holdfast-mutants-'))
  for (const file of treeFiles(root)) await cp(join(root, file), join(copy, file))
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))

  const running = new Set<ChildProcess>()
  const unpatched = new Map<string, Promise<Outcome>>()
  const run = (file: string, args: readonly string[], input = '') => runChild(copy, running, file, args, input)
  const runNode = (script: string, ...args: string[]) =>
    run(process.execPath, [join(root, 'node_modules', script), ...args])
  const apply = (mutant: Mutant, ...flags: string[]) => run('git', ['apply', ...flags, '-'], mutant.patch)
  const compile = () => runNode('typescript/bin/tsc')
  const test = (file: string, ...args: string[]) =>
    runNode('vitest/vitest.mjs', 'run', '--config', 'test/vitest.config.ts', file, ...args)

  async function passesUnpatched(file: string): Promise<Outcome> {
    const build = await compile()
    return build.ok ? test(file) : build
  }

  return {
    applies: async (mutant) => (await apply(mutant, '--check')).ok,

    async judge(mutant) {
      const before = unpatched.get(mutant.test) ?? passesUnpatched(mutant.test)
      unpatched.set(mutant.test, before)
      const sound = await before
      if (!sound.ok) return missed(`${mutant.test} fails without any patch`, sound)
      const applied = await apply(mutant)
      if (!applied.ok) return missed('the patch no longer applies', applied)
      try {
        const build = await compile()
        // The compiler is no test: a wrong that does not compile could never have been shipped.
        if (!build.ok) return missed('the patched tree does not build', build)
        const title = mutant.title === undefined ? [] : ['-t', mutant.title]
        const outcome = await test(mutant.test, ...title)
        if (outcome.ok) return missed(`${mutant.test} passes with the patch`, outcome)
        return { caught: true, how: outcome.hung ? 'the test hung' : 'the test failed' }
      } finally {
        await apply(mutant, '--reverse')
      }
    },

    async close() {
      for (const child of running) killGroup(child)
      await rm(copy, { recursive: true, force: true })
    },
  }
}

interface Outcome {
  readonly ok: boolean
  readonly hung: boolean
  readonly output: string
}

function missed(reason: string, { output }: Outcome): Verdict {
  const end = output.trimEnd().split('\n').slice(-40)
  return { caught: false, reason: [reason, ...end].join('\n    ') }
}

function runChild(
  copy: string,
  running: Set<ChildProcess>,
  file: string,
  args: readonly string[],
  input: string,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that the test runner's forks end with it, even one that never yields.
    const child = spawn(file, args, { cwd: copy, env: environmentFor(copy), detached: true })
    running.add(child)
    let output = ''
    let hung = false
    const deadline = setTimeout(() => {
      hung = true
      killGroup(child)
    }, testDurationMs)
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    // A child that refuses early closes its input before all of the patch is written; its exit status tells.
    child.stdin.on('error', () => {}).end(input)
    child.on('error', reject)
    child.on('close', (status) => {
      clearTimeout(deadline)
      running.delete(child)
      resolve({ ok: status === 0, hung, output })
    })
  })
}

/** Our own, less what would tell a test runner that it runs inside another, or git that it works on another tree. */
function environmentFor(copy: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VITEST|GIT_)/.test(name))
  // Were the temporary folder inside a repository, git apply would silently skip every path of the patch.
  return { ...Object.fromEntries(kept), GIT_CEILING_DIRECTORIES: dirname(copy) }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It ended by itself in between.
  }
}
