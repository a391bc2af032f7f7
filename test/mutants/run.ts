// `npm run mutants [-- NAME...]`: tries all mutants, or the named ones, and fails unless each is caught.
// Started by the set-up script in the root folder of the tree.

import { openWorkshop, readMutants } from './mutants.ts'

const root = process.cwd()
const all = readMutants(root)
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !all.some((mutant) => mutant.name === name))
if (unknown.length > 0) {
  console.error(`There is no mutant ${unknown.join(', ')}. There are: ${all.map((mutant) => mutant.name).join(', ')}.`)
  process.exit(2)
}

const workshop = await openWorkshop(root)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void workshop.close().finally(() => process.exit(1)))
}

const chosen = wanted.length > 0 ? all.filter((mutant) => wanted.includes(mutant.name)) : all
let missed = 0
try {
  for (const mutant of chosen) {
    const startedAt = performance.now()
    const verdict = await workshop.judge(mutant)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    if (verdict.caught) {
      console.log(`caught  ${mutant.name}: ${verdict.how} (${seconds} s)`)
    } else {
      missed += 1
      console.log(`MISSED  ${mutant.name}: ${mutant.why}\n  ${verdict.reason}`)
    }
  }
} finally {
  await workshop.close()
}
console.log(`${chosen.length - missed} of ${chosen.length} mutants caught`)
process.exitCode = missed > 0 ? 1 : 0
