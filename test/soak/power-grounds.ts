// The load of the power cuts: the climbers of climbers.ts, and more, whose steps need several commits, or shards, to hold
// together: transactions over two shards, writes under the fence of a lock, and writes that may be sent again. What is
// there says how many steps each has taken, and is wrong in itself if a step is there by half, or would run twice.
import { ok, strictEqual } from 'node:assert/strict'
import type { Numbered } from '../../src/protocol/mailbox.ts'
import { elementOf } from '../../src/protocol/message.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { Router } from '../../src/router/router.ts'
import {
  type Command,
  climbers as plainClimbers,
  creations as plainCreations,
  stepsTaken as plainSteps,
} from './climbers.ts'

/** Resolves to what a command was answered with; rejects if it was refused. */
export type NumberedCall = (command: Command, numbered?: Numbered) => Promise<JsonObject>

export interface PowerClimber {
  readonly state: string
  /** Takes a step, from 1. `granted`: hears of each token of the lock that has the name of the state. */
  climb(call: NumberedCall, step: number, granted: (token: number) => void): Promise<unknown>
}

interface PowerGround {
  readonly climbers: readonly PowerClimber[]
  read(call: NumberedCall): Promise<number[]>
}

const lastKey = { key: 'last' } as const
const owner = 'climber'

/** Money goes from one state to the other, by turns from a state of this shard and of that one. */
function transfers(states: readonly [string, string], climberCount: number): PowerGround {
  const keyOf = (index: number): string => `account-${index}`
  return {
    climbers: Array.from({ length: climberCount }, (_, index) => ({
      state: states[index % 2] as string,
      climb(call, step) {
        const ops = [
          { cmd: 'INCREMENT_KEY', state: states[0], key: keyOf(index), by: 1 },
          { cmd: 'INCREMENT_KEY', state: states[1], key: keyOf(index), by: -1 },
        ]
        // The first one's shard decides.
        return call({ cmd: 'TRANSACTION', ops: step % 2 === 0 ? ops : ops.reverse() })
      },
    })),
    async read(call) {
      const steps: number[] = []
      for (let index = 0; index < climberCount; index += 1) {
        const [from, to] = await Promise.all(
          states.map(async (state) => (await call({ cmd: 'GET_KEY', state, key: keyOf(index), default: 0 })).value),
        )
        strictEqual(
          0 - Number(to),
          from,
          `the last transaction of climber ${index} over ${states.join(' and ')} is whole`,
        )
        steps.push(Number(from))
      }
      return steps
    },
  }
}

/** Takes a lock for each step, writes under its fence, and gives it back. */
function fenced(state: string): PowerGround {
  return {
    climbers: [
      {
        state,
        async climb(call, step, granted) {
          const { token } = await call({ cmd: 'TRY_LOCK', lock: state, owner, ttl: 3_600 })
          granted(Number(token))
          const fence = { lock: state, token: token as number }
          await call({ cmd: 'SET_KEY', state, ...lastKey, value: { step, token: token as number }, fence })
          await call({ cmd: 'UNLOCK', lock: state, owner })
        },
      },
    ],
    async read(call) {
      const { value } = await call({ cmd: 'GET_KEY', state, ...lastKey, default: { step: 0, token: 0 } })
      const { step, token } = value as { step: number; token: number }
      const { token: newest } = await call({ cmd: 'GET_LOCK', lock: state })
      ok(token <= Number(newest), `${state} was written under token ${token}, and the newest is ${Number(newest)}`)
      // A step that was cut short has left the lock taken.
      await call({ cmd: 'UNLOCK', lock: state, owner })
      return [step]
    },
  }
}

/** Sends each write in a form that may be sent again, and does send the last one that is there again. */
function sentAgain(state: string, send: (call: NumberedCall, step: number, again: boolean) => Promise<JsonObject>) {
  const ground: PowerGround = {
    climbers: [{ state, climb: (call, step) => send(call, step, false) }],
    async read(call) {
      const steps = await count(call, state)
      if (steps === 0) return [0]
      const { value } = await send(call, steps, true)
      strictEqual(value, steps, `step ${steps} of ${state} is answered as it was`)
      strictEqual(await count(call, state), steps, `step ${steps} of ${state} has run once`)
      return [steps]
    },
  }
  return ground
}

async function count(call: NumberedCall, state: string): Promise<number> {
  return Number((await call({ cmd: 'GET_KEY', state, ...lastKey, default: 0 })).value)
}

function numbered(state: string): PowerGround {
  const session = Buffer.from(state.padEnd(16)).toString('hex')
  return sentAgain(state, (call, step, again) =>
    call({ cmd: 'INCREMENT_KEY', state, ...lastKey }, [session, step, step, again]),
  )
}

function keyed(state: string): PowerGround {
  return sentAgain(state, (call, step) =>
    call({ cmd: 'INCREMENT_KEY', state, ...lastKey, idempotency_key: `step ${step}` }),
  )
}

const plain: PowerGround = {
  climbers: plainClimbers.map((climber) => ({
    state: climber.state,
    climb: (call, step) => call(climber.command(step)),
  })),
  read: (call) => plainSteps(call),
}

// Of each kind two, whose names hash to different shards of two.
const grounds: readonly PowerGround[] = [
  plain,
  transfers(['transfers-1', 'transfers-4'], 4),
  fenced('fenced-1'),
  fenced('fenced-3'),
  numbered('sent-again-1'),
  numbered('sent-again-3'),
  keyed('keyed-1'),
  keyed('keyed-2'),
]

export const climbers: readonly PowerClimber[] = grounds.flatMap((ground) => ground.climbers)
/** Those whose steps are one plain command each come first. */
export const plainCount = plainClimbers.length
const states = [...new Set(climbers.slice(plainCount).map(({ state }) => state))]
export const creations: readonly Command[] = [
  ...plainCreations,
  ...states.map((state) => ({ cmd: 'CREATE_STATE', state, kind: 'keys' })),
]

/** How many steps each climber has taken; throws if what is there fits no number of steps. */
export async function stepsTaken(call: NumberedCall): Promise<number[]> {
  return (await Promise.all(grounds.map((ground) => ground.read(call)))).flat()
}

/** The newest token of each climber's lock, where it has one, and the next that would be granted. */
export async function tokensAfter(call: NumberedCall): Promise<{ newest: number; next: number }[]> {
  const tokens: { newest: number; next: number }[] = []
  for (const [index, { state }] of climbers.entries()) {
    if (!state.startsWith('fenced')) continue
    const { token: newest } = await call({ cmd: 'GET_LOCK', lock: state })
    const { token: next } = await call({ cmd: 'TRY_LOCK', lock: state, owner })
    tokens[index] = { newest: Number(newest), next: Number(next) }
  }
  return tokens
}

/** A caller on a router, whose refusals are replies. */
export function callOn(router: Router): NumberedCall {
  return (command, number) =>
    new Promise((resolve) => {
      const element = elementOf(command, undefined, { sliceRows: true, commandsMax: 1 })
      const answer = (body: unknown): void => {
        if (typeof body === 'string') resolve(JSON.parse(body) as JsonObject)
        else if (Array.isArray(body)) resolve(JSON.parse(Buffer.concat(body as Uint8Array[]).toString()) as JsonObject)
        else resolve(body as JsonObject)
      }
      router.run(element, 'json', answer, undefined, number)
    })
}
