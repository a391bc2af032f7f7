// A load generator as its benchmark sees it: started with a driver, told what to do, asked what came of it.
import type { DriverOptions } from '../drivers/driver.ts'
import type { Latencies, Throughput } from './load.ts'
import { type Process, startNode } from './processes.ts'
import type { Contestant, Sample } from './rounds.ts'

export type DriverName = 'holdfast' | 'embedded' | 'ioredis' | 'node-redis' | 'plain' | 'shard' | 'codec'

export type LoadRequest = { readonly operation: string } & (
  | { readonly kind: 'once' }
  | { readonly kind: 'closed'; readonly inFlight: number; readonly seconds: number }
  | { readonly kind: 'latencies'; readonly inFlight: number; readonly seconds: number }
  | { readonly kind: 'open'; readonly perSecond: number; readonly seconds: number }
)

export class Generator {
  readonly #process: Process

  /** A process that speaks as load-process.ts does. */
  constructor(process: Process) {
    this.#process = process
  }

  static async start(name: DriverName, options: DriverOptions): Promise<Generator> {
    const file = new URL('./load-process.js', import.meta.url)
    return Generator.over(startNode(file, [JSON.stringify({ name, options })]))
  }

  static async over(process: Process): Promise<Generator> {
    await process.line((line) => line === 'ready')
    return new Generator(process)
  }

  /** Does an operation one time, as to fill a table. */
  async once(operation: string): Promise<void> {
    await this.#ask({ kind: 'once', operation })
  }

  closedLoop(operation: string, inFlight: number, seconds: number): Promise<Throughput> {
    return this.#ask({ kind: 'closed', operation, inFlight, seconds }) as Promise<Throughput>
  }

  /** Of a closed loop. */
  latencies(operation: string, inFlight: number, seconds: number): Promise<Latencies> {
    return this.#ask({ kind: 'latencies', operation, inFlight, seconds }) as Promise<Latencies>
  }

  openLoop(operation: string, perSecond: number, seconds: number): Promise<Latencies> {
    return this.#ask({ kind: 'open', operation, perSecond, seconds }) as Promise<Latencies>
  }

  end(): Promise<void> {
    return this.#process.end()
  }

  async #ask(request: LoadRequest): Promise<unknown> {
    this.#process.tell(JSON.stringify(request))
    return JSON.parse(await this.#process.line()) as unknown
  }
}

/** A closed loop of one or more generators, which take turns with others in rounds. */
export function closedContestant(
  name: string,
  generators: readonly Generator[],
  server: Process | undefined,
  operation: string,
  inFlight: number,
): Contestant {
  return {
    name,
    async run(seconds) {
      const serverBefore = server?.cpuSeconds()
      const all = await Promise.all(generators.map((each) => each.closedLoop(operation, inFlight, seconds)))
      const serverAfter = server?.cpuSeconds()
      return sampleOf(
        all,
        serverBefore === undefined || serverAfter === undefined ? undefined : serverAfter - serverBefore,
      )
    },
  }
}

function sampleOf(all: readonly Throughput[], serverSeconds: number | undefined): Sample {
  const sum = (part: (each: Throughput) => number): number => all.reduce((total, each) => total + part(each), 0)
  const operations = sum((each) => each.operations)
  return {
    perSecond: sum((each) => each.operations / each.seconds),
    clientMicros: (sum((each) => each.cpuSeconds) * 1_000_000) / operations,
    serverMicros: serverSeconds === undefined ? undefined : (serverSeconds * 1_000_000) / operations,
  }
}
