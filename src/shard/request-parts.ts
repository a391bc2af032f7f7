// What becomes of a request on several names when one of them is held: its commands on that name wait as a part of their own,
// and the others go on. A command that takes steps parts in the same way, with those behind it on its name.
// Invariant: commands on one name keep their order, and the request is answered, kept and committed as one, in its own order.
import type { Held } from './held.ts'
import { type Answer, keyOf, type Task, type Whole } from './task.ts'

/** Whether the name of the next command is held: what a request on several asks of it waits then, as a part of its own. */
export function waitsFor(task: Task, held: Held): boolean {
  const queue = task.keys === undefined ? undefined : held.queueOf(keyOf(task))
  if (queue === undefined) return false
  const part = partOff(task)
  queue.push([part.id, 'part', part.routingKey, part])
  return true
}

/** Parts what is left of a task on the name of its next command from the rest, which stays. */
export function partOff(task: Task): Task {
  const key = keyOf(task)
  const from = task.answers.length
  return divided(task, (at) => at >= from && task.keys?.[at] === key, { routingKey: key, keys: undefined })
}

/** Has a request go on behind what an earlier life of the shard had answered of it: null stands for what it had not. */
export function resume(task: Task, answers: readonly (Answer | null)[]): void {
  if (answers.includes(null)) {
    const known = divided(task, (at) => answers[at] !== undefined && answers[at] !== null, {})
    known.answers.push(...answers.filter((answer) => answer !== null))
  } else task.answers.push(...(answers as readonly Answer[]))
}

/** Whether all of a request is answered, of which this may be a part. */
export function isDone(task: Task): boolean {
  return task.part === undefined ? isOver(task) : task.part.whole.parts.every(isOver)
}

/** The request as it came, with the answers that there are by now. */
export function wholeOf(task: Task): Task {
  if (task.part === undefined) return task
  const { task: whole, parts } = task.part.whole
  whole.answers.length = 0
  for (const { answers, part } of parts) {
    for (const [at, answer] of answers.entries()) whole.answers[part?.indexes[at] as number] = answer
  }
  return whole
}

/** The requests that these belong to, each once. */
export function wholesOf(tasks: readonly Task[]): readonly Task[] {
  return tasks.every(({ part }) => part === undefined) ? tasks : [...new Set(tasks.map(wholeOf))]
}

/** The requests that can be answered now that these are decided as far as they could be. */
export function answerable(tasks: readonly Task[]): Task[] {
  const done: Task[] = []
  for (const task of tasks) {
    if (!isDone(task) || task.part?.whole.isAnswered === true) continue
    if (task.part !== undefined) task.part.whole.isAnswered = true
    done.push(wholeOf(task))
  }
  return done
}

/** Which commands of its request this part has answered, while others of them wait still; undefined where none do. */
export function answeredEarly(task: Task): readonly number[] | undefined {
  return task.part !== undefined && task.commands.length > 0 && isOver(task) && !isDone(task)
    ? task.part.indexes
    : undefined
}

function isOver({ answers, commands }: Task): boolean {
  return answers.length === commands.length
}

/** Takes some commands out of a task, which go on as a task of their own. */
function divided(task: Task, leaves: (at: number) => boolean, own: Partial<Task>): Task {
  const { whole, indexes } = (task.part ??= { whole: wholeWith(task), indexes: [...task.commands.keys()] })
  const places = [...task.commands.keys()]
  const [leaving, staying] = [places.filter(leaves), places.filter((at) => !leaves(at))]
  const some = ({ commands, keys }: Task, chosen: readonly number[]) => ({
    commands: chosen.map((at) => commands[at] ?? null),
    keys: keys && chosen.map((at) => keys[at] as string),
  })
  const part = { ...task, ...some(task, leaving), ...own, answers: [] }
  part.part = { whole, indexes: leaving.map((at) => indexes[at] as number) }
  whole.parts.push(part)
  Object.assign(task, some(task, staying))
  task.part.indexes = staying.map((at) => indexes[at] as number)
  return part
}

function wholeWith(task: Task): Whole {
  const whole: Whole = { task: { ...task, answers: [] }, parts: [task], isAnswered: false }
  whole.task.part = { whole, indexes: [] }
  return whole
}
