// The two ways to make load. A closed loop keeps so many promises in flight, each caller waiting for its answer before it
// asks again: it finds the throughput. An open loop asks at a fixed rate whatever the answers do, and counts the time
// from the moment at which it meant to ask: it finds the latencies. Runs in the process of a load generator.

/** One thing to do again and again, as a program of one's own would do it. */
export type Operation = () => unknown

export interface Throughput {
  readonly operations: number
  /** Until the last operation was over. */
  readonly seconds: number
  /** Of this process. */
  readonly cpuSeconds: number
}

/** So many operations pass between two looks at the clock. */
const operationsPerLook = 64

export async function closedLoop(operation: Operation, inFlight: number, seconds: number): Promise<Throughput> {
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  const endAt = startedAt + seconds * 1_000
  let operations = 0
  let isOver = false
  const caller = async (): Promise<void> => {
    while (!isOver) {
      await operation()
      operations += 1
      if (operations % operationsPerLook === 0 || inFlight === 1) isOver ||= performance.now() >= endAt
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  const { user, system } = process.cpuUsage(cpuBefore)
  return { operations, seconds: (performance.now() - startedAt) / 1_000, cpuSeconds: (user + system) / 1_000_000 }
}

export interface Latencies {
  readonly operations: number
  /** Milliseconds. */
  readonly median: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** How long each operation of a closed loop takes. */
export async function closedLatencies(operation: Operation, inFlight: number, seconds: number): Promise<Latencies> {
  const latencies: number[] = []
  const timed = async (): Promise<void> => {
    const startedAt = performance.now()
    await operation()
    latencies.push(performance.now() - startedAt)
  }
  await closedLoop(timed, inFlight, seconds)
  return latenciesOf(latencies)
}

export async function openLoop(operation: Operation, perSecond: number, seconds: number): Promise<Latencies> {
  const startedAt = performance.now()
  const total = Math.round(perSecond * seconds)
  const latencies: number[] = []
  const pending: Promise<void>[] = []
  const ask = async (meantAt: number): Promise<void> => {
    await operation()
    latencies.push(performance.now() - meantAt)
  }
  for (let asked = 0; asked < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) * perSecond) / 1_000))
    for (; asked < due; asked += 1) pending.push(ask(startedAt + (asked * 1_000) / perSecond))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(pending)
  return latenciesOf(latencies)
}

function latenciesOf(all: readonly number[]): Latencies {
  const sorted = all.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { operations: sorted.length, median: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
}
