// A cache: what is dear to fetch is kept for a while, and forgotten by itself. All processes share it.
//
//   node dist/examples/cache.js [ENDPOINT]
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'holdfast/client'

interface Profile {
  name: string
  preferences: string[]
}

const client = await connect(process.argv[2])
const cache = client.keys<Profile>('examples:cache')
await cache.clear()

async function cached(key: string, ttlMs: number, fetchProfile: () => Promise<Profile>): Promise<Profile> {
  const found = await cache.get(key)
  if (found !== undefined) {
    console.log(`hit: ${key}`)
    return found
  }
  console.log(`miss: ${key}`)
  const profile = await fetchProfile()
  await cache.set(key, profile, { ttlMs })
  return profile
}

async function fetchAlice(): Promise<Profile> {
  await delay(50) // A slow database would stand here.
  return { name: 'Alice', preferences: ['dark_mode', 'notifications'] }
}

await cached('user:123:profile', 60_000, fetchAlice)
console.log(await cached('user:123:profile', 60_000, fetchAlice))

// All that is kept of one user leaves in one step.
await cache.set('user:123:friend', { name: 'Bob', preferences: [] }, { ttlMs: 60_000 })
console.log(`${await cache.clear('user:123:*')} entries of this user are forgotten`)

// What is kept for 50 ms is fetched again after 100.
await cached('user:123:profile', 50, fetchAlice)
await delay(100)
await cached('user:123:profile', 50, fetchAlice)
await client.close()
