// The files that make up the product: tracked by git, or new and not ignored. Read by the tidy test and by the mutants.
// Works in an unpacked archive too, where there is no git: there the folders that git would ignore are left out by name.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const foldersNotOurs = new Set(['.git', '.node24', 'dist', 'holdfast-data', 'node_modules'])

/** Paths relative to `root`, with forward slashes, sorted; files that were deleted but not yet committed are left out. */
export function treeFiles(root: string): string[] {
  const git = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  const listed = git.status === 0 ? git.stdout.split('\0').filter((path) => path !== '') : []
  const files = listed.length > 0 ? listed.filter((path) => existsSync(join(root, path))) : walk(root, '')
  return [...new Set(files)].sort()
}

function walk(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (foldersNotOurs.has(entry.name)) return []
    const path = `${folder}${entry.name}`
    return entry.isDirectory() ? walk(root, `${path}/`) : [path]
  })
}
