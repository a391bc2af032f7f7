// A rate limiter: so many requests in a window, counted over all processes that ask.
//
//   node dist/examples/rate-limit.js [ENDPOINT]
import { connect, type Keys } from 'holdfast/client'

/**
 * Counting and looking are one command, so no two callers see the same count, however many ask at once. The window begins
 * with the first request: only the increment that creates the counter gives it a time to live.
 */
export async function isAllowed(
  keys: Pick<Keys, 'increment'>,
  who: string,
  { limit, windowMs }: { limit: number; windowMs: number },
): Promise<boolean> {
  return (await keys.increment(`rate:${who}`, 1, { ttlMs: windowMs })) <= limit
}

if (process.argv[1] === import.meta.filename) {
  const client = await connect(process.argv[2])
  const limits = client.keys('examples:limits')
  await limits.clear()

  const asked = Array.from({ length: 250 }, () => isAllowed(limits, 'api', { limit: 100, windowMs: 3_600_000 }))
  const answers = await Promise.all(asked)
  console.log(`${answers.filter(Boolean).length} of ${answers.length} requests are allowed`)
  const minutes = Math.ceil(((await limits.getTtl('rate:api')) ?? 0) / 60_000)
  console.log(`the next window begins in ${minutes} minutes`)
  await client.close()
}
