// A load generator as a process of its own, so that no contestant's garbage is collected in another's time. Its argument
// names a driver and the driver's options, as JSON. It says `ready`, then does what each line on its standard input asks,
// answers each with one line of JSON, and ends with its input.
import { createInterface } from 'node:readline'
import type { Driver, DriverOptions } from '../drivers/driver.ts'
import { openEmbedded } from '../drivers/embedded.ts'
import { openHoldfast } from '../drivers/holdfast.ts'
import { openPlain } from '../drivers/plain.ts'
import { openIoredis, openNodeRedis } from '../drivers/redis.ts'
import { openCodec, openShard } from '../drivers/shard.ts'
import type { DriverName, LoadRequest } from './generator.ts'
import { closedLoop, type Operation, openLoop } from './load.ts'

const drivers: Readonly<Record<DriverName, (options: DriverOptions) => Driver | Promise<Driver>>> = {
  holdfast: openHoldfast,
  embedded: openEmbedded,
  ioredis: openIoredis,
  'node-redis': openNodeRedis,
  plain: openPlain,
  shard: openShard,
  codec: openCodec,
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
    case 'open':
      return openLoop(operation satisfies Operation, request.perSecond, request.seconds)
  }
}

const { name, options } = JSON.parse(process.argv[2] ?? '') as { name: DriverName; options: DriverOptions }
const driver = await drivers[name](options)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
say('ready')
for await (const line of createInterface(process.stdin)) {
  say(JSON.stringify(await answer(driver, JSON.parse(line) as LoadRequest)))
}
await driver.close()
