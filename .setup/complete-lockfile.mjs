// Run by hand after a change of dependencies: `node .setup/complete-lockfile.mjs`.
// A registry that carries only some platforms makes npm leave the other platforms' binaries out of the lockfile, and
// `npm ci` then refuses that lockfile everywhere. This writes the entries that are missing, as npm would, from what
// their parents ask for: the version is exact, the platform stands in the name. They have no checksum, for nobody
// here has seen the package: npm on such a platform trusts the registry for it.

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const file = fileURLToPath(new URL('../package-lock.json', import.meta.url))
const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64']
const libraries = { gnu: 'glibc', musl: 'musl' }

const lockfile = JSON.parse(readFileSync(file, 'utf8'))
const packages = lockfile.packages
const added = []
for (const [parent, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const path = `node_modules/${name}`
    if (packages[path] !== undefined || packages[`${parent}/${path}`] !== undefined) continue
    packages[path] = entryFor(name, version, dev)
    added.push(`${name}@${version}`)
  }
}
lockfile.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lockfile, null, 2)}\n`)
console.log(added.length === 0 ? 'The lockfile was complete.' : `Added:\n  ${added.join('\n  ')}`)

function entryFor(name, version, dev) {
  const words = name.split(/[/-]/)
  const pick = (known) => words.filter((word) => known.includes(word)).slice(0, 1)
  const [os, cpu] = [pick(systems), pick(processors)]
  // Without both, npm would try to install it on every machine.
  if (os.length === 0 || cpu.length === 0 || !/^\d+\.\d+\.\d+/.test(version)) {
    throw new Error(`cannot tell the platform or the version of ${name}@${version}; add it to the lockfile by hand`)
  }
  const library = pick(Object.keys(libraries)).map((word) => libraries[word])
  return {
    version,
    cpu,
    ...(dev ? { dev } : {}),
    ...(library.length > 0 ? { libc: library } : {}),
    optional: true,
    os,
  }
}
