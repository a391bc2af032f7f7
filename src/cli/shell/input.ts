// What a line of the shell means: a message to the daemon, something for the shell itself, or a complaint. Commands and
// their arguments are those of the registry; whether a value is good is for the daemon to say.
import Type, { type TSchema } from 'typebox'
import { Check } from 'typebox/value'
import { nearest } from '../../base/nearest.ts'
import { expectation } from '../../protocol/arguments.ts'
import { type CommandName, commandNames, defaultStateOf, findCommand, nameFieldOf } from '../../protocol/commands.ts'
import type { Refusal } from '../../protocol/errors.ts'
import { parseJson } from '../../protocol/json.ts'
import { argumentTypesOf } from '../../protocol/validate.ts'
import { escaped, shownValue } from '../escape.ts'
import { type Drawing, drawings } from './machine.ts'
import { type Word, WordReader } from './words.ts'

export type Input =
  | { readonly kind: 'nothing' }
  /** Brackets are open: the next line belongs to this input. */
  | { readonly kind: 'open' }
  /** The reply is drawn if it is good. */
  | { readonly kind: 'message'; readonly text: string; readonly drawing?: Drawing }
  | { readonly kind: 'help'; readonly topic: CommandName | undefined }
  | { readonly kind: 'exit' }
  | Complaint

export interface Complaint {
  readonly kind: 'complaint'
  readonly problem: string
  readonly advice: string | undefined
}

export interface Parameter {
  readonly name: string
  readonly type: TSchema
  readonly isOptional: boolean
}

const StateName = Type.String({ expects: 'the name of a state' })
const nameTypes = { state: StateName, lock: Type.String({ expects: 'the name of a lock' }) }

/** What the shell understands besides commands. */
export const ownWords = [...(Object.keys(drawings) as Drawing[]), 'help', 'exit', 'quit'] as const

/** The arguments of a command in the order in which they may stand without their names; the optional ones come last. */
export function parametersOf(name: CommandName): Parameter[] {
  const declared = Object.entries(argumentTypesOf(name)).map(([argument, type]) => {
    return { name: argument, type, isOptional: Type.IsOptional(type) }
  })
  const field = nameFieldOf(name)
  const on = { name: field ?? '', type: nameTypes[field ?? 'state'], isOptional: defaultStateOf(name) !== undefined }
  const all = field === undefined ? declared : [on, ...declared]
  return [...all.filter(({ isOptional }) => !isOptional), ...all.filter(({ isOptional }) => isOptional)]
}

/** As a command is called: `LIST_RECORDS STATE [limit=...] [after=...]`. */
export function usageOf(name: CommandName): string {
  const words = parametersOf(name).map((parameter) => {
    return parameter.isOptional ? `[${parameter.name}=...]` : parameter.name.toUpperCase()
  })
  return [name, ...words].join(' ')
}

/** Reads inputs line by line. */
export class InputReader {
  #words: WordReader | undefined

  /** Whether the next line goes on with an input. */
  get isOpen(): boolean {
    return this.#words !== undefined
  }

  read(line: string): Input {
    if (/^\s*(#|$)/.test(line)) return { kind: this.isOpen ? 'open' : 'nothing' }
    const reader = this.#words ?? new WordReader()
    const { words, open, problem } = reader.read(line)
    this.#words = open === 'brackets' && problem === undefined ? reader : undefined
    if (problem !== undefined) return complaint(`${problem}.`)
    return this.isOpen ? { kind: 'open' } : inputOf(words)
  }

  /** Forgets what is open. */
  reset(): void {
    this.#words = undefined
  }
}

export function complaint(problem: string, advice?: string): Complaint {
  return { kind: 'complaint', problem, advice }
}

function inputOf([first, ...rest]: readonly Word[]): Input {
  if (first === undefined) return { kind: 'nothing' }
  if (first.name !== undefined) return unknownCommand(first)
  if (first.form === 'json') return rest.length === 0 ? messageOf(first) : notAlone('a command in JSON')
  const verb = first.text.toLowerCase()
  if (verb === 'help') return rest.length <= 1 ? helpOf(rest[0]) : complaint('help takes one command.')
  if (verb === 'exit' || verb === 'quit') return rest.length === 0 ? { kind: 'exit' } : notAlone(verb)
  if (isDrawing(verb)) return drawingOf(verb, rest)
  const name = findCommand(first.text)
  return name === undefined ? unknownCommand(first) : commandOf(name, rest)
}

export function isDrawing(word: string): word is Drawing {
  return Object.hasOwn(drawings, word)
}

function drawingOf(drawing: Drawing, words: readonly Word[]): Input {
  const usage = `It is used as ${drawing} STATE`
  const [state, ...others] = words
  if (state === undefined) return complaint(`${drawing} needs state, ${expectation(StateName)}.`, usage)
  if (others.length > 0 || state.form === 'json') return complaint(`${drawing} takes the name of one state.`, usage)
  if (state.name !== undefined && state.name !== 'state') return unknownCommand(state)
  return { kind: 'message', text: JSON.stringify({ cmd: 'GET_STATE_INFO', state: state.text }), drawing }
}

function notAlone(what: string): Complaint {
  return complaint(`${what} stands alone.`)
}

/** Goes to the daemon as it was typed. */
function messageOf({ text }: Word): Input {
  const parsed = parseJson(text)
  return 'code' in parsed ? badJson('the command', parsed) : { kind: 'message', text }
}

function badJson(what: string, { code, message, details }: Refusal): Complaint {
  const advice = code === 'INVALID_JSON' ? 'In JSON, names and texts stand in double quotes.' : undefined
  return complaint(`${what} cannot be read: ${shownValue(details.reason ?? message)}.`, advice)
}

function helpOf(topic: Word | undefined): Input {
  // What the shell's own words do stands in the help for all.
  if (topic === undefined || ownWords.some((word) => word === topic.text.toLowerCase())) {
    return { kind: 'help', topic: undefined }
  }
  const name = findCommand(topic.text)
  return name === undefined ? unknownCommand(topic) : { kind: 'help', topic: name }
}

function unknownCommand({ name, text }: Word): Complaint {
  const given = name === undefined ? text : `${name}=${text}`
  const guess = nearest(given, [...commandNames, ...ownWords])
  return complaint(
    `no command is named ${shortened(given)}.`,
    guess === undefined ? 'help shows the commands.' : `Did you mean ${guess}?`,
  )
}

function commandOf(name: CommandName, words: readonly Word[]): Input {
  const parameters = parametersOf(name)
  const usage = `It is used as ${usageOf(name)}`
  const named = new Set(words.map((word) => word.name))
  const inOrder = parameters.filter((parameter) => !parameter.isOptional && !named.has(parameter.name))
  const fields = new Map([['cmd', JSON.stringify(name)]])
  for (const word of words) {
    const parameter =
      word.name === undefined ? inOrder.shift() : parameters.find((candidate) => candidate.name === word.name)
    if (parameter === undefined) {
      if (word.name !== undefined) return unknownArgument(name, word.name)
      return complaint(`${name} does not take '${shortened(word.text)}' as well.`, usage)
    }
    if (fields.has(parameter.name)) return complaint(`${parameter.name} is given twice.`)
    const value = valueOf(word, parameter)
    if (typeof value !== 'string') return value
    fields.set(parameter.name, value)
  }
  const [missing] = inOrder
  if (missing !== undefined) return complaint(`${name} needs ${missing.name}, ${expectation(missing.type)}.`, usage)
  const text = Array.from(fields, ([field, value]) => `"${field}":${value}`).join(',')
  return { kind: 'message', text: `{${text}}` }
}

function unknownArgument(name: CommandName, argument: string): Complaint {
  const guess = nearest(
    argument,
    parametersOf(name).map((parameter) => parameter.name),
  )
  const advice = guess === undefined ? `It is used as ${usageOf(name)}` : `Did you mean ${guess}?`
  return complaint(`${name} has no argument ${shortened(argument)}.`, advice)
}

/**
 * A word can stand for a text or for JSON: the first reading that fits the argument is meant, so that neither an id nor
 * JSON in the quotes of another shell needs a thought. What fits in no way is for the daemon to refuse. Answers with JSON
 * text: what was typed as JSON is not changed on its way.
 */
function valueOf({ form, text }: Word, { name, type }: Parameter): string | Complaint {
  const json = parseJson(text)
  if (form === 'json') return 'code' in json ? badJson(name, json) : text
  const asText = { value: text, encoded: JSON.stringify(text) }
  if ('code' in json) return asText.encoded
  const asJson = { value: json.value, encoded: text }
  const readings = form === 'bare' ? [asJson, asText] : [asText, asJson]
  const { encoded } = readings.find(({ value }) => Check(type, value)) ?? asJson
  return encoded
}

function shortened(text: string): string {
  return escaped(text.length <= 40 ? text : `${text.slice(0, 40)}…`)
}
