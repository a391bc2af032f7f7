// Random definitions of machines: every type of state, every way to write a target, timers, completions, history. Most
// are well-formed; those that are not are left out here, since only the others can be put to XState.
import fc from 'fast-check'
import { readMachine } from '../../src/protocol/machine-definition.ts'
import type { JsonObject, JsonValue } from '../../src/protocol/value.ts'

export const events = ['go', 'stop', 'job.done', 'job.failed', 'other'] as const
export const actionNames = ['ring', 'count', 'log'] as const

interface Aim {
  readonly at: number
  readonly form: number
  readonly reenter: boolean
  readonly second: number | undefined
  readonly action: string | undefined
}

interface Plan {
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  readonly inner: readonly Plan[]
  readonly initial: number
  readonly deep: boolean
  readonly on: readonly { readonly event: string; readonly aim: Aim | 'blocked' }[]
  readonly after: Aim | undefined
  readonly onDone: Aim | undefined
  readonly entry: string | undefined
  readonly exit: string | undefined
}

const action = fc.option(fc.constantFrom(...actionNames), { nil: undefined, freq: 2 })
const aim = fc.record<Aim>({
  at: fc.nat(),
  form: fc.nat({ max: 2 }),
  reenter: fc.boolean(),
  second: fc.option(fc.nat(), { nil: undefined, freq: 2 }),
  action,
})
const event = fc.constantFrom(...events, 'job.*', '*')

function planOf(depth: number): fc.Arbitrary<Plan> {
  return fc.record<Plan>({
    type: fc.constantFrom('atomic', 'atomic', 'compound', 'compound', 'compound', 'parallel', 'final', 'history'),
    inner: depth === 1 ? fc.constant([]) : fc.array(planOf(depth - 1), { maxLength: 3 }),
    initial: fc.nat(),
    deep: fc.boolean(),
    on: fc.uniqueArray(
      fc.record({ event, aim: fc.oneof({ weight: 6, arbitrary: aim }, fc.constant('blocked' as const)) }),
      { maxLength: 4, selector: (each) => each.event },
    ),
    after: fc.option(aim, { nil: undefined, freq: 3 }),
    onDone: fc.option(aim, { nil: undefined, freq: 1 }),
    entry: action,
    exit: action,
  })
}

interface Place {
  readonly path: readonly string[]
  readonly plan: Plan
}

/** A well-formed definition of a few states. */
export const definition: fc.Arbitrary<JsonObject> = fc
  .record({ root: planOf(1), inner: fc.array(planOf(3), { minLength: 2, maxLength: 4 }) })
  .map(({ root, inner }) =>
    define({
      ...root,
      type: root.type === 'parallel' ? 'parallel' : 'compound',
      // The machine itself has no history.
      inner: inner.map((each) => (each.type === 'history' ? { ...each, type: 'compound' } : each)),
    }),
  )
  .filter((made) => !('code' in readMachine(made)))

function define(root: Plan): JsonObject {
  const places: Place[] = []
  const collect = (each: Plan, path: readonly string[]) => {
    places.push({ path, plan: each })
    if (isBranch(each)) for (const [index, inner] of each.inner.entries()) collect(inner, [...path, keyOf(index)])
  }
  collect(root, [])
  let delays = 0
  // Delays of which no two sums are equal soon, so that the order in which timers fire is always plain.
  const nextDelay = () => String(1_000 + 7 ** (delays++ % 9) * 13 + delays)

  const build = (each: Plan, path: readonly string[]): JsonObject => {
    const made: JsonObject = {}
    const write = (to: Aim) => transition(to, path, places)
    if (each.type === 'history') return historyState(each, path, places)
    if (each.entry !== undefined) made['entry'] = each.entry
    if (each.exit !== undefined) made['exit'] = [each.exit]
    if (each.type === 'final') return { ...made, type: 'final' }
    made['on'] = Object.fromEntries(each.on.map(({ event, aim: to }) => [event, to === 'blocked' ? {} : write(to)]))
    if (each.after !== undefined && path.length > 0) made['after'] = { [nextDelay()]: write(each.after) }
    if (!isBranch(each)) return made
    made['states'] = Object.fromEntries(
      each.inner.map((inner, index) => [keyOf(index), build(inner, [...path, keyOf(index)])]),
    )
    if (each.onDone !== undefined && path.length > 0) made['onDone'] = write(each.onDone)
    if (each.type === 'parallel') return { ...made, type: 'parallel' }
    const enterable = each.inner.flatMap((inner, index) => (inner.type === 'history' ? [] : [keyOf(index)]))
    return { ...made, initial: enterable[each.initial % enterable.length] as string }
  }
  return { id: 'random', ...build(root, []) }
}

function historyState({ deep, initial }: Plan, path: readonly string[], places: readonly Place[]): JsonObject {
  const parent = path.slice(0, -1)
  const inside = places.filter((place) => place.plan.type !== 'history' && isBelow(place.path, parent))
  const target = written((inside[initial % inside.length] as Place).path, path, 2)
  // Now and then none: then the history leads to the beginning of its parent, if that has one.
  return { type: 'history', ...(deep ? { history: 'deep' } : {}), ...(initial % 3 === 0 ? {} : { target }) }
}

function isBelow(path: readonly string[], above: readonly string[]): boolean {
  return path.length > above.length && above.every((key, index) => path[index] === key)
}

/** Branches without an ordinary state inside are written as if they were atomic. */
function isBranch({ type, inner }: Plan): boolean {
  return (type === 'compound' || type === 'parallel') && inner.some((each) => each.type !== 'history')
}

function keyOf(index: number): string {
  return ['a', 'b', 'c', 'd'][index] as string
}

function transition(
  { at, form, reenter, second, action: name }: Aim,
  from: readonly string[],
  places: readonly Place[],
): JsonValue {
  const target = written((places[at % places.length] as Place).path, from, form)
  const other = second === undefined ? [] : [written((places[second % places.length] as Place).path, from, form)]
  // Two targets are good only in two regions of a parallel state; most pairs are not.
  const together = other.length > 0 && other[0] !== target ? [target, ...other] : target
  return { target: together, ...(reenter ? { reenter } : {}), ...(name === undefined ? {} : { actions: [name] }) }
}

function written(target: readonly string[], from: readonly string[], form: number): string {
  if (form === 1 && isBelow(target, from)) return ['', ...target.slice(from.length)].join('.')
  const parent = from.slice(0, -1)
  if (form === 2 && from.length > 0 && isBelow(target, parent)) return target.slice(parent.length).join('.')
  return ['#random', ...target].join('.')
}
