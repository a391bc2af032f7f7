// The rules of the tree that no compiler and no linter holds: the direction of imports, what a file opens with, how
// long it is, what may stand at the top level, and what must not be left behind in any text.
// Each rule is a function from a file to its problems, proven on bad input before it is put to the tree.

import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { treeFiles } from './support/tree.ts'

/** Which folders (and single files) of src a folder may import, besides itself. Imports point downwards only. */
const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  protocol: ['base'],
  state: ['protocol', 'base'],
  journal: ['state', 'protocol', 'base'],
  command: ['state', 'protocol', 'base'],
  shard: ['journal', 'command', 'state', 'protocol', 'base'],
  // Neither knows a shard: they share its protocol, so that a shard can move to another thread or machine.
  router: ['protocol', 'base'],
  frontend: ['router', 'metrics', 'protocol', 'base'],
  metrics: ['protocol', 'base'],
  client: ['protocol', 'base'],
  transfer: ['client', 'protocol', 'base'],
  config: ['protocol', 'base'],
  'engine-options': ['base'],
  engine: ['engine-options', 'router', 'shard', 'journal', 'metrics', 'config', 'client', 'protocol', 'base'],
  index: ['engine', 'client', 'config', 'journal', 'protocol', 'base'],
  cli: 'engine config transfer client frontend router metrics shard command journal state protocol base'.split(' '),
  workers: ['shard', 'journal', 'transfer', 'protocol', 'base'],
}

const topLevelNames = new Set(
  [
    'package.json package-lock.json tsconfig.json src workers bench test grafana docs examples',
    'README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md LICENSE',
  ].flatMap((names) => names.split(' ')),
)

const fileLinesMax = 400

/** `src/state/table.ts` is of layer `state`, `src/engine.ts` of `engine`; undefined for what is not shipped. */
function layerOf(path: string): string | undefined {
  const [top, second = ''] = path.split('/')
  if (top === 'workers') return 'workers'
  return top === 'src' ? second.replace(/\.ts$/, '') : undefined
}

function importedPaths(path: string, text: string): string[] {
  const imports = /(?:\bfrom|\bimport)\s*\(?\s*(['"])(\.[^'"]+)\1/g
  return [...text.matchAll(imports)].map(([, , specifier = '']) => posix.join(posix.dirname(path), specifier))
}

function importProblems(path: string, text: string): string[] {
  const layer = layerOf(path) ?? ''
  const allowed = layers[layer]
  if (allowed === undefined) return [`${path}: ${layer} has no row in the table of layers`]
  return importedPaths(path, text)
    .filter((target) => {
      const targetLayer = layerOf(target)
      return targetLayer === undefined || (targetLayer !== layer && !allowed.includes(targetLayer))
    })
    .map((target) => `${path}: imports ${target}, which is not below ${layer}`)
}

function openingProblems(path: string, text: string): string[] {
  const opensWithComment = /^(#!.*\n)?(\/\/|\/\*)/.test(text)
  return opensWithComment ? [] : [`${path}: does not open with a comment that says what it owns`]
}

function lengthProblems(path: string, text: string): string[] {
  const lines = text.split('\n').length - 1
  return lines <= fileLinesMax ? [] : [`${path}: has ${lines} lines, more than ${fileLinesMax}; is it still one thing?`]
}

function leftoverProblems(path: string, text: string): string[] {
  const leftovers =
    /\b(?:TO(?:DO)|FIX(?:ME)|XX(?:X))\b|@ts-(?:ignore|nocheck)|\bas a(?:ny)\b|\.(?:only|skip|todo)\b(?=[(.])/g
  return [...text.matchAll(leftovers)].map(([found]) => `${path}: holds '${found}'`)
}

function machineProblems(path: string, text: string): string[] {
  const folders = /\/(?:work|farm|root)\/|\/(?:home|Users)\/\w+\//g
  const registries = /https?:\/\/[\w.-]*(?:registry|npmjs)[\w.-]*/g
  return [folders, registries].flatMap((pattern) =>
    [...text.matchAll(pattern)].map(([found]) => `${path}: names '${found}', which is of one machine or one network`),
  )
}

function topLevelProblems(paths: readonly string[]): string[] {
  const names = new Set(paths.map((path) => path.split('/')[0] ?? ''))
  return [...names]
    .filter((name) => !topLevelNames.has(name) && !name.startsWith('.'))
    .map((name) => `${name}: does not belong at the top level`)
}

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly resolved?: string; readonly optionalDependencies?: object }>>
}

function lockfileProblems(text: string): string[] {
  const { packages }: Lockfile = JSON.parse(text)
  const present = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')))
  return Object.entries(packages).flatMap(([path, { resolved = '', optionalDependencies = {} }]) => {
    const missing = Object.keys(optionalDependencies).filter((name) => !present.has(name))
    return [
      ...(resolved.startsWith('http') ? [`package-lock.json: ${path} holds the download address ${resolved}`] : []),
      // npm ci refuses such a lockfile; .setup/complete-lockfile.mjs mends it.
      ...missing.map((name) => `package-lock.json: ${name}, which ${path} asks for, is missing`),
    ]
  })
}

/** See base/zmq-context.ts. */
function heartbeatProblems(path: string, text: string): string[] {
  return /heartbeat(Interval|Timeout)/.test(text) ? [`${path}: heartbeats of ZeroMQ can abort a process`] : []
}

describe('the rules find what they forbid:', () => {
  it('heartbeats of ZeroMQ', () => {
    expect(heartbeatProblems('src/a.ts', 'heartbeatInterval: 1')).toHaveLength(1)
  })

  it.each([
    ['an import upwards', 'src/protocol/a.ts', "import { x } from '../shard/shard.ts'"],
    ['a shard in the router', 'src/router/a.ts', "import type { Shard } from '../shard/shard.ts'"],
    ['a shard in a front end', 'src/frontend/a.ts', "const { x } = await import('../shard/shard.ts')"],
    ['a re-export upwards', 'src/base/a.ts', "export * from '../engine.ts'"],
    ['an import for its effects', 'src/client/a.ts', "import '../config.ts'"],
    ['an import over several lines', 'src/state/a.ts', "import {\n  a,\n  b,\n} from '../journal/memory.ts'"],
    ['tests in the product', 'src/cli/a.ts', "import { x } from '../../test/support/tree.ts'"],
    ['a router in a worker', 'workers/a.ts', "import { x } from '../src/router/router.ts'"],
    ['a folder of no layer', 'src/helpers/a.ts', ''],
  ])('%s', (_what, path, text) => {
    expect(importProblems(path, text)).toHaveLength(1)
  })

  it('and let imports downwards and of the same folder pass', () => {
    const text = "import { a } from './b.ts'\nimport { c } from '../protocol/c.ts'\nimport { d } from 'node:fs'\n"
    expect(importProblems('src/router/a.ts', text)).toEqual([])
    expect(importProblems('src/cli/a.ts', "import { a } from '../engine.ts'")).toEqual([])
  })

  it('a file that opens without a comment', () => {
    expect(openingProblems('src/a.ts', "import 'node:fs'\n// Too late.\n")).toHaveLength(1)
    expect(openingProblems('src/a.ts', '#!/usr/bin/env node\n// In time.\n')).toEqual([])
  })

  it('a file that is too long', () => {
    expect(lengthProblems('src/a.ts', '\n'.repeat(fileLinesMax))).toEqual([])
    expect(lengthProblems('src/a.ts', '\n'.repeat(fileLinesMax + 1))).toHaveLength(1)
  })

  // Written in two halves, for the rule is put to this file too.
  it.each([
    'TO' + 'DO: later',
    'FIX' + 'ME',
    'x as ' + 'any',
    '// @ts' + '-ignore',
    'it.' + 'only(',
    'it.' + 'skip.each(',
  ])("what is left behind: '%s'", (text) => {
    expect(leftoverProblems('src/a.ts', `const a = 1\n${text}\n`)).toHaveLength(1)
  })

  it.each(['/wo' + 'rk/main', '/ro' + 'ot/.npmrc', '/ho' + 'me/ann/x', 'https://regi' + 'stry.example.org/piscina'])(
    "what is of one machine: '%s'",
    (text) => {
      expect(machineProblems('README.md', `see ${text} for more`)).toHaveLength(1)
    },
  )

  it('a stranger at the top level', () => {
    expect(topLevelProblems(['src/a.ts', '.gitignore', 'README.md', 'notes/a.md', 'notes/b.md'])).toHaveLength(1)
  })

  it('a lockfile with a download address, or with a gap', () => {
    const packages = {
      'node_modules/a': { resolved: 'http' + 's://example.org/a.tgz' },
      'node_modules/b': { optionalDependencies: { 'b-linux': '1.0.0', 'b-darwin': '1.0.0' } },
      'node_modules/b-linux': {},
    }
    expect(lockfileProblems(JSON.stringify({ packages }))).toEqual([
      expect.stringContaining('download address'),
      expect.stringContaining('b-darwin'),
    ])
  })
})

describe('the tree', () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const paths = treeFiles(root)
  const texts = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
  const problems = (wanted: (path: string) => boolean, rule: (path: string, text: string) => string[]) =>
    [...texts].filter(([path]) => wanted(path)).flatMap(([path, text]) => rule(path, text))
  const isShipped = (path: string) => layerOf(path) !== undefined && path.endsWith('.ts')
  const isCode = (path: string) => /^(src|workers|bench|test|examples|grafana|\.setup)\/.*\.m?[jt]s$/.test(path)
  const isText = (path: string) => !texts.get(path)?.includes('\0')

  it('is read at all', () => {
    expect(paths).toContain('test/tidy.test.ts')
  })
  it('imports downwards only', () => {
    expect(problems(isShipped, importProblems)).toEqual([])
  })
  it('opens every file with what it owns', () => {
    expect(problems(isCode, openingProblems)).toEqual([])
  })
  it('keeps files short enough to be read at once', () => {
    expect(problems(isShipped, lengthProblems)).toEqual([])
  })
  it('sends no heartbeats of ZeroMQ', () => {
    expect(problems(isShipped, heartbeatProblems)).toEqual([])
  })
  it('has nothing left behind', () => {
    expect(problems(isCode, leftoverProblems)).toEqual([])
  })
  it('names no machine and no registry', () => {
    expect(problems(isText, machineProblems)).toEqual([])
  })
  it('has a top level of known names', () => {
    expect(topLevelProblems(paths)).toEqual([])
  })
  it('has a lockfile that every registry can serve', () => {
    expect(lockfileProblems(texts.get('package-lock.json') ?? '{}')).toEqual([])
  })
})
