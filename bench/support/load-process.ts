// A load generator as a process of its own, so that no contestant's garbage is collected in another's time. Its argument
// names a driver and the driver's options, as JSON. It says `ready`, then does what each line on its standard input asks,
// answers each with one line of JSON, and ends with its input.
import { createInterface } from 'node:readline'
import type { Driver, DriverOptions } from '../drivers/driver.ts'
import type { DriverName, LoadRequest } from './generator.ts'
import { closedLatencies, closedLoop, openLoop } from './load.ts'

/** Loaded when wanted, so that a process holds nothing but what it runs. */
const drivers: Readonly<Record<DriverName, () => Promise<(options: DriverOptions) => Driver | Promise<Driver>>>> = {
  holdfast: async () => (await import('../drivers/holdfast.ts')).openHoldfast,
  embedded: async () => (await import('../drivers/embedded.ts')).openEmbedded,
  ioredis: async () => (await import('../drivers/ioredis.ts')).openIoredis,
  'node-redis': async () => (await import('../drivers/node-redis.ts')).openNodeRedis,
  plain: async () => (await import('../drivers/plain.ts')).openPlain,
  shard: async () => (await import('../drivers/shard.ts')).openShard,
  codec: async () => (await import('../drivers/codec.ts')).openCodec,
}

async function answer(driver: Driver, request: LoadRequest): Promise<object> {
  const operation = driver.operations[request.operation]
  if (operation === undefined) throw new Error(`there is no operation ${request.operation}`)
  switch (request.kind) {
    case 'once':
      await operation()
      return {}
    case 'closed': {
      const { inFlight, seconds } = request
      const { commandsPerOperation = 1 } = driver
      const throughput = await closedLoop(operation, inFlight, seconds)
      return { ...throughput, operations: throughput.operations * commandsPerOperation }
    }
    case 'latencies':
      return closedLatencies(operation, request.inFlight, request.seconds)
    case 'open':
      return openLoop(operation, request.perSecond, request.seconds)
  }
}

const { name, options } = JSON.parse(process.argv[2] ?? '') as { name: DriverName; options: DriverOptions }
const open = await drivers[name]()
const driver = await open(options)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
say('ready')
for await (const line of createInterface(process.stdin)) {
  say(JSON.stringify(await answer(driver, JSON.parse(line) as LoadRequest)))
}
await driver.close()
