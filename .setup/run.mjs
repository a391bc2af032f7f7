// What every npm script runs: brings node_modules and dist up to date, then does the one thing it was asked for.
// Owns the two stamps that say what node_modules and dist were made from. Does nothing, and says nothing, when both
// are current. Plain JavaScript with no dependency, because it runs before there is a compiler or a package.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const installStamp = join(root, 'node_modules', '.holdfast-installed')
const buildStamp = join(root, 'dist', '.holdfast-built')

// Started with this process's own Node, so that a second Node version on the PATH cannot slip in.
const tools = {
  tsc: 'node_modules/typescript/bin/tsc',
  oxlint: 'node_modules/oxlint/bin/oxlint',
  biome: 'node_modules/@biomejs/biome/bin/biome',
  knip: 'node_modules/knip/bin/knip.js',
  vitest: 'node_modules/vitest/vitest.mjs',
}

/** A problem that the reader can act on: printed without a stack. */
class Problem extends Error {}

const verbs = {
  async start(args) {
    await prepare()
    // In this process and not in a child, so that a TERM to npm reaches the daemon itself.
    await runBuilt('src/cli/main.js', ['serve', ...args])
  },
  async test(args) {
    await prepare()
    if (args.length > 0) return step('tests', 'vitest', ['run', '--config', 'test/vitest.config.ts', ...args])
    await step('lint', 'oxlint', ['--type-aware', '--deny-warnings', '.', '.setup'])
    await step('format', 'biome', ['check', '.'])
    await step('unused code', 'knip', ['--no-config-hints', '--no-progress'])
    await step('tests', 'vitest', ['run', '--config', 'test/vitest.config.ts'])
    say('types, lint, format, unused code and tests: all passed')
  },
  async bench(args) {
    await prepare()
    await runBuilt('bench/main.js', args)
  },
  async mutants(args) {
    await prepare()
    await runBuilt('test/mutants/run.js', args)
  },
  async soak(args) {
    await prepare()
    await runBuilt('test/soak/main.js', args)
  },
  async build() {
    await prepare()
  },
  async fmt() {
    await install()
    await step('format', 'biome', ['check', '--write', '.'])
  },
}

async function prepare() {
  await install()
  await build()
}

/** Makes node_modules what the lockfile says. No package's own script runs: every binary comes ready in its package. */
async function install() {
  // The platform belongs to the stamp because a folder shared with a container may hold another platform's binaries.
  const wanted = `${process.platform} ${process.arch} ${hashOf(['package-lock.json'])}`
  if (readStamp(installStamp) === wanted) return
  say('installing the packages of package-lock.json (npm ci)')
  const npm = npmCommand()
  const flags = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--prefer-offline',
    '--fetch-retry-mintimeout=1000',
    '--no-audit',
    '--no-fund',
  ]
  const { status, output } = await run(npm.file, [...npm.args, ...flags], 'capture')
  if (status !== 0) {
    process.stderr.write(output)
    const offline = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/.test(output)
    throw new Problem(
      offline
        ? 'npm could not reach its registry, and the packages are not all in its cache.\n' +
            '  The first run, and the first after a change of package-lock.json, needs the network.'
        : 'npm ci failed; its own words are above.',
    )
  }
  writeFileSync(installStamp, wanted)
}

/** Makes dist what the sources say, types checked. */
async function build() {
  const sources = ['src', 'workers', 'bench', 'test', 'examples', 'grafana'].flatMap((folder) =>
    filesBelow(folder, '.ts'),
  )
  const wanted = hashOf([...sources, 'package.json', 'package-lock.json', 'tsconfig.json'])
  if (readStamp(buildStamp) === wanted) return
  rmSync(buildStamp, { force: true })
  await step('types', 'tsc', [])
  removeStaleOutputs()
  writeFileSync(buildStamp, wanted)
}

// tsc never deletes: without this a removed source would live on in dist, and be shipped.
function removeStaleOutputs() {
  for (const file of filesBelow('dist', '')) {
    const source = file.replace(/^dist\//, '').replace(/(\.d\.ts|\.js\.map|\.js)$/, '.ts')
    if (!existsSync(join(root, source))) rmSync(join(root, file))
  }
}

/** Loads a built file in this process, as if Node had been started with it. */
async function runBuilt(file, args) {
  const path = join(root, 'dist', file)
  if (!existsSync(path))
    throw new Problem(`dist/${file} is missing: the sources do not hold ${file.replace(/js$/, 'ts')}.`)
  process.argv = [process.execPath, path, ...args]
  await import(pathToFileURL(path).href)
}

async function step(name, tool, args) {
  const { status } = await run(process.execPath, [join(root, tools[tool]), ...args], 'show')
  if (status !== 0) throw new Problem(`${name}: failed (${tool}, exit status ${status}).`)
}

/** Runs a child to its end, handing on the signals that would otherwise leave it behind as an orphan. */
function run(file, args, outputs) {
  return new Promise((resolve, reject) => {
    const stdio = outputs === 'capture' ? ['ignore', 'pipe', 'pipe'] : 'inherit'
    const child = spawn(file, args, { cwd: root, stdio })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
    const handOn = (signal) => child.kill(signal)
    for (const signal of signals) process.on(signal, handOn)
    const letGo = () => signals.forEach((signal) => process.off(signal, handOn))
    child.on('error', (error) => {
      letGo()
      reject(new Problem(`cannot run ${file}: ${error.message}`))
    })
    child.on('close', (status, signal) => {
      letGo()
      // Ending by the same signal tells our own parent the truth about why we ended.
      if (signals.includes(signal)) process.kill(process.pid, signal)
      else resolve({ status: status ?? signal, output })
    })
  })
}

function npmCommand() {
  const script = process.env.npm_execpath ?? ''
  return script.endsWith('npm-cli.js') ? { file: process.execPath, args: [script] } : { file: 'npm', args: [] }
}

function filesBelow(folder, ending) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return filesBelow(path, ending)
      return path.endsWith(ending) ? [path] : []
    })
    .sort()
}

function hashOf(files) {
  const hash = createHash('sha256')
  for (const file of files) {
    const content = readFileSync(join(root, file))
    hash.update(`${file} ${content.length}\n`).update(content)
  }
  return hash.digest('hex')
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

function say(text) {
  process.stderr.write(`holdfast: ${text}\n`)
}

function requireNode() {
  const range = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node
  const [major, minor] = range.match(/\d+/g).map(Number)
  const [ourMajor, ourMinor] = process.versions.node.split('.').map(Number)
  if (ourMajor > major || (ourMajor === major && ourMinor >= minor)) return
  throw new Problem(
    `this is Node ${process.versions.node}, and holdfast needs ${range}. Install a newer Node and try again.`,
  )
}

try {
  requireNode()
  const [verb = '', ...args] = process.argv.slice(2)
  if (!Object.hasOwn(verbs, verb)) throw new Problem(`say what to do: ${Object.keys(verbs).join(', ')}.`)
  process.chdir(root)
  await verbs[verb](args)
} catch (error) {
  if (!(error instanceof Problem)) throw error
  say(error.message)
  process.exitCode = 1
}
