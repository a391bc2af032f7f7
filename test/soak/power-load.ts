// The process whose writes are recorded: an engine in a folder, climbers on it, and beside the folder a file of marks that
// says, in the order of the writes themselves, what was sent and what was acknowledged. Arguments, as JSON: see `Load`.
import { openSync, writeSync } from 'node:fs'
import { openEngine } from '../../src/engine.ts'
import { createdBefore } from './climbers.ts'
import {
  callOn,
  climbers,
  creations,
  type NumberedCall,
  type PowerClimber,
  plainCount,
  stepsTaken,
} from './power-grounds.ts'

export interface Load {
  readonly data: string
  readonly marks: string
  readonly durability: 'strict' | 'relaxed'
  readonly shards: number
  /** How often the engine is opened and closed again. */
  readonly lives: number
  /** After so long a life ends. */
  readonly lifeMs: number
  /** How many climbers there are whose steps are one plain command each. The others are there, too. */
  readonly climbers: number
  /** Between two steps of a climber, so that the log stays short. */
  readonly restMs: number
}

/** While nothing else happens, the log says so this often. */
const beatMs = 20

async function live({ data, durability, shards, ...load }: Load, mark: (text: string) => void): Promise<void> {
  const engine = await openEngine({ data, durability, shards })
  const ask = callOn(engine.router)
  const call: NumberedCall = async (command, numbered) => {
    const reply = await ask(command, numbered)
    if (reply.status === 'ok' || createdBefore.has(reply.code)) return reply
    throw new Error(JSON.stringify(reply))
  }
  for (const creation of creations) await call(creation)
  mark('created')
  const steps = await stepsTaken(call)
  const end = performance.now() + load.lifeMs
  const climb = async (index: number): Promise<void> => {
    const climber = climbers[index] as PowerClimber
    const granted = (token: number): void => mark(`granted ${index} ${token}`)
    for (let step = (steps[index] ?? 0) + 1; performance.now() < end; step += 1) {
      mark(`sent ${index} ${step}`)
      await climber.climb(call, step, granted)
      mark(`acknowledged ${index} ${step}`)
      await new Promise((resolve) => setTimeout(resolve, load.restMs))
    }
  }
  // Not the first so many: those of every kind.
  const stride = plainCount / load.climbers
  const chosen = Array.from({ length: load.climbers }, (_, nth) => Math.floor(nth * stride))
  const others = Array.from({ length: climbers.length - plainCount }, (_, nth) => plainCount + nth)
  await Promise.all([...chosen, ...others].map(climb))
  await engine.close()
}

const load = JSON.parse(process.argv[2] ?? '') as Load
const file = openSync(load.marks, 'a')
const mark = (text: string): void => void writeSync(file, `${text}\n`)
setInterval(() => mark('beat'), beatMs).unref()
for (let life = 0; life < load.lives; life += 1) await live(load, mark)
