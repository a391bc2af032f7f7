// The conversation of `holdfast check --repair`: says what each damaged shard would lose, asks, has it done, and says what
// came of it. Called by check.ts, which holds the lock of the folder.
import { createInterface } from 'node:readline/promises'
import { databaseFile, type Folder } from '../journal/folder.ts'
import { carryOut, type NoRepair, planRepair, type RepairPlan } from '../journal/repair.ts'
import type { CheckOptions, Finding } from './check.ts'
import { escaped } from './escape.ts'

/** What came of the repair of one shard. */
export interface Repaired {
  readonly done: boolean
  /** What the repaired shard has; undefined where nothing was done. */
  readonly commits?: number
  readonly states?: number
  /** What the repair cannot bring back. */
  readonly lost: readonly string[]
  /** How many rows were found that do not get into the new database, and the file that they are in. */
  readonly set_aside: number
  readonly set_aside_file?: string
  /** The old files, under the names that they have now. */
  readonly kept?: readonly string[]
  /** Why nothing was done. */
  readonly reason?: string
}

/** More would not be read. */
const linesMax = 40

/** Answers with the findings, and what became of each that was damaged. */
export async function repairShards(
  path: string,
  folder: Folder,
  findings: readonly Finding[],
  options: CheckOptions,
): Promise<Finding[]> {
  const plans = new Map<number, RepairPlan | NoRepair>()
  for (const { shard, lost } of findings) {
    if (lost.length > 0) plans.set(shard, planRepair(databaseFile(path, shard)))
  }
  // What is asked stands on standard error, so that standard output stays JSON where that is wanted.
  const say = (text: string): boolean => process.stderr.write(`${text}\n`)
  let isWanted = false
  for (const [shard, plan] of plans) {
    const reason = reasonAgainst(plan, options)
    if (reason !== undefined || !('rows' in plan)) say(`shard ${shard}: cannot be repaired: ${reason}`)
    else {
      isWanted = true
      say(`shard ${shard}: a repair keeps ${plan.states} states; lost for good:\n${listed(plan)}`)
    }
  }
  if (isWanted && options.yes !== true) isWanted = await isConfirmed()
  // The replies that were kept to be given again do not outlive a repair.
  if (isWanted) folder.renew()
  const outcomes: Finding[] = []
  for (const finding of findings) {
    const plan = plans.get(finding.shard)
    if (plan === undefined) outcomes.push(finding)
    else outcomes.push({ ...finding, repair: await repaired(plan, isWanted, options) })
  }
  for (const { shard, repair } of outcomes) {
    if (repair?.done !== true) continue
    const { states, kept = [], set_aside_file: file } = repair
    const rows = file === undefined ? '' : `\n  what does not fit is in ${file}`
    say(`shard ${shard}: repaired, ${states} states${rows}\n  the old files: ${kept.join(', ')}`)
  }
  return outcomes
}

async function repaired(plan: RepairPlan | NoRepair, isWanted: boolean, options: CheckOptions): Promise<Repaired> {
  const reason = reasonAgainst(plan, options)
  if (!('rows' in plan) || reason !== undefined) {
    return { done: false, lost: [], set_aside: 0, reason: reason as string }
  }
  const { lost, states, number } = plan
  const found = { lost, set_aside: plan.setAside.length }
  if (!isWanted) return { done: false, ...found, reason: 'it was not wanted' }
  const { kept, setAside } = await carryOut(plan)
  return { done: true, commits: number, states, ...found, ...(setAside && { set_aside_file: setAside }), kept }
}

function reasonAgainst(plan: RepairPlan | NoRepair, { startEmpty = false }: CheckOptions): string | undefined {
  if ('reason' in plan) return plan.reason
  if (plan.extent === 'contents' || startEmpty) return undefined
  return (
    `${escaped(plan.lost.join(', '))}; bring the file back from a copy, ` +
    'or add --start-empty to set it aside and have this shard begin anew with nothing'
  )
}

function listed({ lost, setAside }: RepairPlan): string {
  const lines = lost.length === 0 ? ['nothing but the change log, which begins anew'] : lost.slice(0, linesMax)
  if (lost.length > linesMax) lines.push(`and ${lost.length - linesMax} more`)
  if (setAside.length > 0) lines.push(`(${setAside.length} rows are set aside in a file)`)
  return lines.map((line) => `  ${escaped(line)}`).join('\n')
}

async function isConfirmed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // Ctrl-C and Ctrl-D are an answer too.
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('')))
  const question = terminal.question('Repair, and keep the old files beside the new ones? [y/N] ')
  const answer = await Promise.race([question, closed])
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}
