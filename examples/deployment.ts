// Deployment control: many pipelines may want to deploy, one at a time does, each version once, and all of it is recorded.
//
//   node dist/examples/deployment.js [ENDPOINT]
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, HoldfastError } from 'holdfast/client'

const client = await connect(process.argv[2])
const deployments = client.keys('examples:deployments')
await deployments.clear()

async function deploy(version: string): Promise<string> {
  // Whoever creates this key has the right to deploy. If that process dies, the key leaves after five minutes by itself.
  try {
    await deployments.createIfNotExists('in-progress', { version, by: hostname() }, { ttlMs: 300_000 })
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'KEY_EXISTS')
      return `${version}: another deployment is running`
    throw error
  }
  try {
    const last = (await deployments.getJson<string>('last-version')) ?? 'v0.0.0'
    if (last === version) return `${version}: deployed already`

    const start = Date.now()
    await deployments.increment('total')
    await delay(50) // What a real deployment does would stand here.
    await deployments.set('last-version', version)
    await deployments.listPush('history', { version, at: start, tookMs: Date.now() - start })
    return `${version}: deployed over ${last}`
  } finally {
    await deployments.delete('in-progress')
  }
}

// Two pipelines at once: one is turned away, and neither waits.
for (const outcome of await Promise.all([deploy('v1.2.3'), deploy('v1.2.4')])) console.log(outcome)
console.log(await deploy('v1.2.3'))
console.log(await deploy('v1.2.4'))

const total = await deployments.getJson<number>('total')
const history = (await deployments.getJson<{ version: string }[]>('history')) ?? []
console.log(`${total} deployments: ${history.map(({ version }) => version).join(', ')}`)
await client.close()
