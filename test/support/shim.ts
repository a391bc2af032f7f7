// Compiles a library that is loaded before the C library, to see or change what a process does to its files. Needs gcc and
// Linux; without them there is none.
import { spawnSync } from 'node:child_process'
import { basename, join } from 'node:path'

/** The command of a C compiler; undefined where there is none, or no way to load a library before the C library. */
export function compiler(): string | undefined {
  if (process.platform !== 'linux') return undefined
  return ['gcc'].find((command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0)
}

/** Answers with the path of the library, which it puts into `folder`. The source is named from the root of the tree. */
export function compileShim(source: string, folder: string): string {
  const command = compiler()
  if (command === undefined) throw new Error('this needs gcc, on Linux')
  const library = join(folder, `${basename(source, '.c')}.so`)
  const { status, stderr } = spawnSync(
    command,
    ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library, source, '-ldl', '-lpthread'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`the shim does not compile: ${stderr}`)
  return library
}
