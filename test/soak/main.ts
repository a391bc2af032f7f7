// `npm run soak [-- NAME...] [--minutes N] [--seed N]`: runs the named campaigns, or all, one after the other, and prints
// what each saw as a row for test/SOAK.md. Fails as soon as a promise is broken.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runMinutes } from './campaign.ts'
import { campaigns } from './campaigns.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' } },
})
const minutes = Number(values.minutes)
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
const unknown = positionals.filter((name) => !campaigns.some((campaign) => campaign.name === name))
if (unknown.length > 0 || !(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error('npm run soak -- [NAME...] [--minutes NUMBER] [--seed INTEGER]\n')
  for (const { name, tries } of campaigns) console.error(`  ${name}: ${tries}`)
  process.exit(2)
}
for (const campaign of campaigns) {
  if (positionals.length > 0 && !positionals.includes(campaign.name)) continue
  const startedAt = performance.now()
  try {
    const counts = await runMinutes(campaign, minutes, seed)
    const took = ((performance.now() - startedAt) / 60_000).toFixed(1)
    const seen = Object.entries(counts).map(([what, count]) => `${what} ${count.toLocaleString('en')}`)
    console.log(`| ${campaign.name} | ${took} min | ${seed} | ${process.version} | ${seen.join('; ')} |`)
  } catch (error) {
    console.error(`${campaign.name} (seed ${seed}): a promise is broken`)
    console.error(error)
    process.exitCode = 1
    break
  }
}
