// Loads the module that an operator adds to each shard, and says in words why one cannot be loaded. Called where a shard
// starts, in its own thread.
// Invariant: what comes out has at least one hook, and its hooks are functions.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { printable } from '../protocol/envelope.ts'
import { type Extension, hookNames } from '../protocol/hooks.ts'

/** `path` is taken from the folder in which the process was started. Rejects with a message for whoever started it. */
export async function loadExtension(path: string): Promise<Extension> {
  const module = await importModule(path)
  // CommonJS has its exports there, and so has a module with `export default { onChange }`.
  const exported = isModule(module.default) ? { ...module, ...module.default } : module
  const given = hookNames.filter((name) => exported[name] !== undefined)
  const strange = given.find((name) => typeof exported[name] !== 'function')
  if (strange !== undefined) throw problem(path, `its '${strange}' is not a function`)
  if (given.length === 0) throw problem(path, `it exports none of ${hookNames.join(', ')}`)
  return Object.fromEntries(given.map((name) => [name, exported[name]]))
}

type Module = Readonly<Record<string, unknown>>

function isModule(value: unknown): value is Module {
  return typeof value === 'object' && value !== null
}

async function importModule(path: string): Promise<Module> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Module
  } catch (error) {
    throw problem(path, error instanceof Error ? error.message : String(error))
  }
}

function problem(path: string, reason: string): Error {
  return new Error(`${extensionProblemPrefix}${printable(path)} cannot be loaded: ${reason}.`)
}

/** What every message of `loadExtension` begins with: between threads an error keeps its message and nothing else. */
export const extensionProblemPrefix = 'the extension '
