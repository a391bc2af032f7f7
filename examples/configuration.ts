// Configuration: one value that many read and a few change, where no change may be lost.
//
//   node dist/examples/configuration.js [ENDPOINT]
import { connect, HoldfastError } from 'holdfast/client'

interface Cluster {
  replicas: number
  features: string[]
}

const client = await connect(process.argv[2])
const config = client.keys<Cluster>('examples:config')
await config.clear()

// Whoever starts first writes the defaults.
await config.createIfNotExists('/cluster', { replicas: 3, features: [] })

// Two operators look at the same version. The second to write is told, and has overwritten nothing.
const seen = await config.entry('/cluster')
if (seen === undefined) throw new Error('the configuration is gone')
console.log(`version ${seen.version}: ${JSON.stringify(seen.value)}`)
await config.compareAndSet('/cluster', seen.version, { ...seen.value, replicas: 5 })
try {
  await config.compareAndSet('/cluster', seen.version, { ...seen.value, replicas: 4 })
} catch (error) {
  if (!(error instanceof HoldfastError) || error.code !== 'VERSION_CONFLICT') throw error
  console.log(error.message)
}

// `update` reads, changes and writes, and does it again when somebody else was faster: twenty at once lose nothing.
const features = Array.from({ length: 20 }, (_, index) => `feature-${index + 1}`)
await Promise.all(
  features.map((feature) =>
    config.update('/cluster', (cluster) => cluster && { ...cluster, features: [...cluster.features, feature] }),
  ),
)
const now = await config.entry('/cluster')
console.log(`version ${now?.version}: ${now?.value.replicas} replicas, ${now?.value.features.length} features`)
await client.close()
