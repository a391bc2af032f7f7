// The options of the daemon: declared here once, read once, frozen. Command line, environment and file are read from the
// same table, and what any of them holds that is not in it is refused: a typing error is never silently ignored.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import Type, { type Static, type TSchema } from 'typebox'
import { Check } from 'typebox/value'
import type { Storage } from './base/durability.ts'
import {
  type Address,
  defaultEndpoint,
  defaultFeedEndpoint,
  isLocal,
  parseAddress,
  parseEndpoint,
} from './base/endpoint.ts'
import { defaultLimits, defaultSlowLogMs, type Limits } from './base/limits.ts'
import { nearest } from './base/nearest.ts'
import { Misuse } from './base/problem.ts'
import { printable } from './protocol/envelope.ts'
import { isObject } from './protocol/value.ts'

export interface Config {
  /** ZeroMQ endpoints that take commands. */
  readonly bind: readonly string[]
  /** The ZeroMQ endpoint where changes are published; undefined for nowhere. */
  readonly feed: string | undefined
  /** Where metrics and health are served over HTTP; undefined for nowhere. */
  readonly metrics: Address | undefined
  /** Worker threads that own the states; 0 runs all in one thread. Undefined if nobody said how many. */
  readonly shards: number | undefined
  /** The folder that keeps the states; undefined to keep nothing. */
  readonly data: string | undefined
  /** The folder that backups are made in; undefined for one within the folder of the data. */
  readonly backups: string | undefined
  readonly durability: Storage['durability']
  /** A module that is loaded into each shard; undefined for none. */
  readonly extension: string | undefined
  /** Requests that take their shard longer than so many milliseconds stand in the slow log; Infinity for none. */
  readonly slowLogMs: number
  /** Of so many of the largest states the metrics name the sizes. */
  readonly metricsLargest: number
  readonly logLevel: (typeof logLevels)[number]
  /** Whether endpoints that other machines can reach are meant so. */
  readonly insecure: boolean
  readonly limits: Limits
}

export interface OptionDeclaration {
  readonly summary: string
  /** What stands for the value in a help text; a switch has none. */
  readonly placeholder?: string
  readonly repeatable?: boolean
  /** Of one value, where the option may repeat. */
  readonly type: TSchema
  /** What a refusal says that the value must be. */
  readonly expects: string
  /** Turns text from the command line or the environment into the value meant, or leaves it to be refused. */
  readonly read: (text: string) => unknown
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const shardsMax = 256
const slowLogMsMax = 3_600_000
/** Each is a series of its own, and a shard keeps them sorted while it counts. */
const metricsLargestMax = 100

const asText = (text: string): unknown => text
const asInteger = (text: string): unknown => (/^\d{1,15}$/.test(text) ? Number(text) : text)
const asList = (text: string): unknown => text.split(',').map((part) => part.trim())
const asSwitch = (text: string): unknown => ({ true: true, 1: true, false: false, 0: false })[text] ?? text

/** By the name that an option has on the command line and in the file. */
export const options = {
  bind: {
    summary: 'where to take commands: tcp://HOST:PORT or ipc://PATH; may repeat',
    placeholder: 'ENDPOINT',
    repeatable: true,
    type: Type.Refine(Type.String(), (text) => parseEndpoint(text) !== undefined),
    expects: 'tcp://HOST:PORT or ipc://PATH',
    read: asList,
  },
  feed: {
    summary: 'where to publish what happens to states: tcp://HOST:PORT or ipc://PATH, or off',
    placeholder: 'ENDPOINT',
    type: Type.Refine(Type.String(), (text) => text === 'off' || parseEndpoint(text) !== undefined),
    expects: 'tcp://HOST:PORT, ipc://PATH or off',
    read: asText,
  },
  metrics: {
    summary: 'where to serve metrics and health over HTTP, or off',
    placeholder: 'HOST:PORT',
    type: Type.Refine(Type.String(), (text) => text === 'off' || parseAddress(text) !== undefined),
    expects: 'HOST:PORT or off',
    read: asText,
  },
  shards: {
    summary: 'threads that own the states; 0 runs all in one thread; data on another number is spread over this one',
    placeholder: 'NUMBER',
    type: Type.Integer({ minimum: 0, maximum: shardsMax }),
    expects: `an integer from 0 to ${shardsMax}`,
    read: asInteger,
  },
  data: {
    summary: 'the folder that keeps the states; it is made if it is not there',
    placeholder: 'DIR',
    type: Type.String({ minLength: 1 }),
    expects: 'the path of a folder',
    read: asText,
  },
  backups: {
    summary: 'the folder that backups are made in',
    placeholder: 'DIR',
    type: Type.String({ minLength: 1 }),
    expects: 'the path of a folder',
    read: asText,
  },
  durability: {
    summary:
      'strict: what was answered survives a power cut; relaxed: a killed process, and a power cut less its last second',
    placeholder: 'MODE',
    type: Type.Enum(['strict', 'relaxed']),
    expects: 'strict or relaxed',
    read: asText,
  },
  memory: {
    summary: 'keep everything in memory only: the end of the daemon is the end of the data',
    type: Type.Boolean(),
    expects: 'true or false',
    read: asSwitch,
  },
  extension: {
    summary: 'a module of your own that each shard loads: it exports validate, onTransition or onChange; or off',
    placeholder: 'FILE',
    type: Type.String({ minLength: 1 }),
    expects: 'the path of a file, or off',
    read: asText,
  },
  'slowlog-ms': {
    summary: 'note requests that take their shard this long, in milliseconds, for SLOWLOG; or off',
    placeholder: 'MS',
    type: Type.Union([Type.Integer({ minimum: 0, maximum: slowLogMsMax }), Type.Literal('off')]),
    expects: `an integer from 0 to ${slowLogMsMax}, or off`,
    read: asInteger,
  },
  'metrics-largest': {
    summary: 'of how many of the largest states the metrics say their name and size',
    placeholder: 'NUMBER',
    type: Type.Integer({ minimum: 0, maximum: metricsLargestMax }),
    expects: `an integer from 0 to ${metricsLargestMax}`,
    read: asInteger,
  },
  'log-level': {
    summary: `how much to log: ${logLevels.join(', ')}`,
    placeholder: 'LEVEL',
    type: Type.Enum([...logLevels]),
    expects: `one of ${logLevels.join(', ')}`,
    read: asText,
  },
  insecure: {
    summary: 'allow addresses that other machines can reach, without encryption and without asking who is there',
    type: Type.Boolean(),
    expects: 'true or false',
    read: asSwitch,
  },
} as const satisfies Record<string, OptionDeclaration>

export type OptionName = keyof typeof options
type Declared<Name extends OptionName> = (typeof options)[Name]
type Values = {
  [Name in OptionName]: Declared<Name> extends { repeatable: true }
    ? readonly Static<Declared<Name>['type']>[]
    : Static<Declared<Name>['type']>
}

export const optionNames = Object.keys(options) as OptionName[]

export const defaults: Readonly<Values> = {
  bind: [defaultEndpoint],
  feed: defaultFeedEndpoint,
  metrics: '127.0.0.1:9560',
  shards: Math.min(shardsMax, Math.max(1, availableParallelism() - 1)),
  data: './holdfast-data',
  // Where nobody says, it is the folder of the data that counts.
  backups: 'DIR/backups',
  durability: 'strict',
  memory: false,
  // The word for nothing, as for metrics: a help text and a file can say it.
  extension: 'off',
  'slowlog-ms': defaultSlowLogMs,
  // Names of states are data of users, and each is a series of its own.
  'metrics-largest': 0,
  'log-level': 'info',
  insecure: false,
}

export interface ConfigSources {
  /** Options of the command line by name, as they were given: text, texts of one that may repeat, or true. */
  readonly flags: Readonly<Partial<Record<OptionName, string | readonly string[] | true>>>
  /** The configuration file that the command line names. */
  readonly file?: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Command line before environment before file before defaults. Throws a `Misuse` for anything that cannot be meant. */
export function loadConfig({ flags, file, environment }: ConfigSources): Config {
  const path = file ?? nonEmpty(environment[variableOf('config')])
  const { limits, ...fromFile } = path === undefined ? {} : readFile(path)
  const given = { ...fromFile, ...readEnvironment(environment), ...readFlags(flags) }
  const values: Values = { ...defaults, ...given }
  refuseExposure(values)
  if (flags.memory !== undefined && flags.data !== undefined) {
    throw new Misuse('--memory keeps nothing, so it cannot be given together with --data.')
  }
  if (flags.memory !== undefined && flags.backups !== undefined) {
    throw new Misuse(
      '--memory keeps nothing, so there is nothing to back up: it cannot be given together with --backups.',
    )
  }
  return Object.freeze({
    bind: Object.freeze([...values.bind]),
    feed: values.feed === 'off' ? undefined : values.feed,
    metrics: Object.freeze(parseAddress(values.metrics)),
    shards: given.shards,
    data: values.memory ? undefined : values.data,
    backups: given.backups,
    durability: values.durability,
    extension: values.extension === 'off' ? undefined : values.extension,
    slowLogMs: values['slowlog-ms'] === 'off' ? Number.POSITIVE_INFINITY : values['slowlog-ms'],
    metricsLargest: values['metrics-largest'],
    logLevel: values['log-level'],
    insecure: values.insecure,
    limits: Object.freeze({ ...defaultLimits, ...limits }),
  })
}

function readFlags(flags: ConfigSources['flags']): Partial<Values> {
  const given = Object.entries(flags) as [OptionName, string | string[] | true][]
  return Object.fromEntries(
    given.map(([name, value]) => [
      name,
      checked(name, typeof value === 'string' ? options[name].read(value) : value, `--${name}`),
    ]),
  )
}

/** Variables that begin as ours do, but are not for the daemon: the project's own checks read one, the shell another. */
const variablesOfOthers = ['HOLDFAST_REQUIRE_PEERS', 'HOLDFAST_HISTORY']
const variablePrefix = 'HOLDFAST_'

function variableOf(name: string): string {
  return `${variablePrefix}${name.toUpperCase().replaceAll('-', '_')}`
}

function readEnvironment(environment: ConfigSources['environment']): Partial<Values> {
  const names = new Map(optionNames.map((name) => [variableOf(name), name]))
  const known = [...names.keys(), variableOf('config')]
  const values: Record<string, unknown> = {}
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(variablePrefix) || variablesOfOthers.includes(variable)) continue
    const name = names.get(variable)
    if (name === undefined && !known.includes(variable)) {
      throw unknownName(`the environment variable ${printable(variable)} is not known`, variable, known, variablePrefix)
    }
    // An empty variable is how a shell or a container's description leaves one unset.
    if (name !== undefined && nonEmpty(text) !== undefined) {
      values[name] = checked(name, options[name].read(text as string), variable)
    }
  }
  return values
}

type FileContents = Partial<Values> & { readonly limits?: Partial<Limits> }

/** `path` stands in every message as it was given, and is never made absolute. */
function readFile(path: string): FileContents {
  const known = [...optionNames, 'limits']
  const values: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(parseFile(path))) {
    const place = `'${printable(name)}' in ${printable(path)}`
    if (name === 'limits') values.limits = checkedLimits(value, path)
    else if (Object.hasOwn(options, name)) values[name] = checked(name as OptionName, value, place)
    else throw unknownName(`${place} is not an option`, name, known)
  }
  return values
}

function parseFile(path: string): object {
  const file = `the configuration file ${printable(path)}`
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Misuse(`cannot read ${file}: ${fileProblem(error)}.`)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Misuse(`${file} is not JSON${placeOf(error, text)}.`, 'JSON knows no comments and no trailing commas.')
  }
  if (!isObject(value)) throw new Misuse(`${file} must hold one JSON object, such as {"shards": 4}.`)
  return value
}

function fileProblem(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  const words: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'this user may not read it',
    EISDIR: 'it is a folder',
  }
  return words[code] ?? message
}

/** People count lines; V8 counts characters, or quotes what surprised it. */
function placeOf(error: unknown, text: string): string {
  const { message } = error as SyntaxError
  const position = /position (\d+)/.exec(message)?.[1]
  if (position === undefined) return `: ${printable(message)}`
  const before = text.slice(0, Number(position)).split('\n')
  return ` at line ${before.length}, column ${(before.at(-1) as string).length + 1}`
}

/** A timer that is set further ahead fires at once. */
const timerMsMax = 2 ** 31 - 1

function checkedLimits(value: unknown, path: string): Partial<Limits> {
  const file = printable(path)
  if (!isObject(value)) throw new Misuse(`'limits' in ${file} must be an object, not ${shown(value)}.`)
  for (const [name, limit] of Object.entries(value)) {
    const place = `'limits.${printable(name)}' in ${file}`
    if (!Object.hasOwn(defaultLimits, name)) {
      throw unknownName(`${place} is not a limit`, name, Object.keys(defaultLimits))
    }
    const maximum = /Ms(Max)?$/.test(name) ? timerMsMax : Number.MAX_SAFE_INTEGER
    if (!Check(Type.Integer({ minimum: 1, maximum }), limit)) {
      throw new Misuse(`${place} must be an integer from 1 to ${maximum}, not ${shown(limit)}.`)
    }
  }
  return value
}

/** One value stands for a list of one, where the option may repeat. */
function checked(name: OptionName, value: unknown, place: string): unknown {
  const { type, expects, repeatable }: OptionDeclaration = options[name]
  const isList = repeatable === true && Array.isArray(value) && value.length > 0
  const items: unknown[] = isList ? value : [value]
  for (const item of items) {
    if (!Check(type, item)) throw new Misuse(`${place} must be ${expects}, not ${shown(item)}.`)
  }
  return repeatable ? items : value
}

/** Texts as they were given, anything else as JSON. */
function shown(value: unknown): string {
  return `'${printable(typeof value === 'string' ? value : JSON.stringify(value))}'`
}

/** `prefix` is what all the names begin with: it says nothing about which of them may have been meant. */
function unknownName(message: string, name: string, known: readonly string[], prefix = ''): Misuse {
  const guess = nearest(
    name.slice(prefix.length),
    known.map((candidate) => candidate.slice(prefix.length)),
  )
  const advice = guess === undefined ? `Known are ${known.join(', ')}.` : `Did you mean ${prefix}${guess}?`
  return new Misuse(`${message}.`, advice)
}

/** Whoever reaches an endpoint may do everything there: opening it to a network has to be somebody's decision. */
function refuseExposure({ bind, feed, metrics, insecure }: Values): void {
  if (insecure) return
  for (const endpoint of bind) {
    if (isLocal(parseEndpoint(endpoint) as Address)) continue
    throw new Misuse(
      `refusing to listen on ${endpoint}: other machines could reach it, and could read and change every state unasked.`,
      'Bind to 127.0.0.1, or add --insecure if everybody on that network may do so.',
    )
  }
  const feedAddress = parseEndpoint(feed)
  if (feedAddress !== undefined && !isLocal(feedAddress)) {
    throw new Misuse(
      `refusing to publish on ${feed}: other machines could reach it, and could read every change unasked.`,
      'Use 127.0.0.1, or add --insecure if everybody on that network may do so.',
    )
  }
  const address = parseAddress(metrics)
  if (address === undefined || isLocal(address)) return
  throw new Misuse(
    `refusing to serve metrics on ${metrics}: other machines could read them unasked.`,
    'Use 127.0.0.1, or add --insecure if everybody on that network may do so.',
  )
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
