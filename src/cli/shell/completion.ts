// What Tab offers: commands, names of states that the daemon has, names of arguments. Everything but the states comes from
// the registry.
import { commandNames, findCommand, nameFieldOf } from '../../protocol/commands.ts'
import { isDrawing, ownWords, parametersOf } from './input.ts'
import { quoted, type Word, WordReader } from './words.ts'

/** The candidates, and the end of the line that each of them would replace: as readline wants them. */
export type Completion = [candidates: string[], replaced: string]

export type FindStates = (prefix: string) => Promise<readonly string[]>

/** Completes the part of a line that stands before the cursor. */
export async function complete(line: string, findStates: FindStates): Promise<Completion> {
  const { words, open, problem } = new WordReader().read(line)
  if (open === 'brackets' || (problem !== undefined && open !== 'quote')) return [[], '']
  const isInWord = open === 'quote' || !/(^|\s)$/.test(line)
  const before = isInWord ? words.slice(0, -1) : words
  const current = isInWord ? words.at(-1) : undefined
  const typed = current === undefined ? '' : line.slice(current.start)
  const candidates = await candidatesFor(before, current, findStates)
  // The only one is complete: the next word can begin, unless a value has to follow.
  const [only = '', ...others] = candidates
  return [others.length === 0 && only !== '' && !only.endsWith('=') ? [`${only} `] : candidates, typed]
}

async function candidatesFor(
  [first, ...rest]: readonly Word[],
  current: Word | undefined,
  findStates: FindStates,
): Promise<string[]> {
  const typed = current?.text ?? ''
  if (first === undefined) return current?.name === undefined ? namesLike(typed, [...commandNames, ...ownWords]) : []
  if (first.text.toLowerCase() === 'help') return rest.length === 0 ? namesLike(typed, commandNames) : []
  // What a drawing takes, the reply to this command has.
  const name = isDrawing(first.text.toLowerCase()) ? 'GET_STATE_INFO' : findCommand(first.text)
  if (name === undefined || current?.form === 'json') return []
  const isNamed = current?.name !== undefined
  const given = new Set(rest.map((word) => word.name))
  const takesState = nameFieldOf(name) === 'state' && !given.has('state')
  if (takesState && (current?.name === 'state' || (!isNamed && rest.every((word) => word.name !== undefined)))) {
    const states = await findStates(typed)
    return states.map((state) => `${isNamed ? 'state=' : ''}${quoted(state)}`)
  }
  if (isNamed || current?.form === 'quoted') return []
  // What stands there without a name has taken up the first of the arguments that are needed.
  let taken = rest.filter((word) => word.name === undefined).length
  const open = parametersOf(name).filter((parameter) => {
    if (given.has(parameter.name)) return false
    const isTaken = !parameter.isOptional && taken > 0
    if (isTaken) taken -= 1
    return !isTaken
  })
  return open.map((parameter) => `${parameter.name}=`).filter((candidate) => candidate.startsWith(typed))
}

/** In small letters for somebody who types them. */
function namesLike(typed: string, names: readonly string[]): string[] {
  const found = names.filter((name) => name.toUpperCase().startsWith(typed.toUpperCase()))
  return /[a-z]/.test(typed) ? found.map((name) => name.toLowerCase()) : found
}
