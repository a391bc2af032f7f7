// Many short histories at little cost: callers of the simulated engine (support/simulation.ts), whose commits are refused
// or lose their answers, and whose shards die. Some callers wait for no answer, some number their writes and some give them
// a key and send them until they know. A round is one simulation; its seed repeats it whole.
import { ok } from 'node:assert/strict'
import { shardOf } from '../../src/base/placement.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { History, toldBy } from '../linear/history.ts'
import { isRead } from '../linear/sequential.ts'
import { Caller, creations, lastReads, nextCommand, type Subject, subjectKinds, subjectOf } from '../linear/subjects.ts'
import { Tally } from '../linear/tally.ts'
import { randomFrom } from '../support/random.ts'
import { settled } from '../support/shard-harness.ts'
import { namesOnShard } from '../support/shards.ts'
import { SimulatedClient } from '../support/simulated-client.ts'
import { Simulation } from '../support/simulation.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const shards = 2
const callersPerSubject = 4
const commandsPerCaller = 10
/** How often one is out of patience, of so many. */
const oneInImpatient = 12
const passMs = 200

const subjects = subjectKinds.map((kind, index) => {
  const nameOn = (shard: number): string => namesOnShard(shard % shards, shards, 1, kind)[0] as string
  return subjectOf(kind, nameOn(index), nameOn(index + 1))
})

/** How a caller sends, and what it does where it hears that its command may have run. */
const manners = ['plain', 'numbered', 'keyed'] as const

class Run {
  readonly simulation: Simulation
  readonly histories = subjects.map((subject) => [subject, new History()] as const)
  readonly #client: SimulatedClient
  #lastTag = 0
  /** Callers who have not finished. */
  #busy = 0

  constructor(seed: number) {
    this.simulation = new Simulation(seed, { shards, limits: { requestDeadlineMs: 5_000 } })
    const { router, random, scheduler } = this.simulation
    this.#client = new SimulatedClient({ router, random, later: (event) => scheduler.add('client', event) })
  }

  async toItsEnd(): Promise<void> {
    const { simulation, histories } = this
    simulation.faults = false
    await settled()
    for (const [subject, history] of histories) this.#inTurn(subject, history, creations(subject))
    await this.#untilDone()
    simulation.faults = true
    for (const [subject, history] of histories) {
      for (let index = 0; index < callersPerSubject; index += 1) {
        const manner = manners[index % manners.length] as (typeof manners)[number]
        this.#goOn(subject, history, new Caller(`${manner} ${index}`), manner, commandsPerCaller)
      }
    }
    await this.#untilDone()
    simulation.faults = false
    // A shard whose journal refused leaves what is due for a second.
    simulation.advance(2_000)
    for (const [subject, history] of histories) this.#inTurn(subject, history, lastReads(subject))
    await this.#untilDone()
  }

  /** What nothing goes wrong with, one after another. */
  #inTurn(subject: Subject, history: History, [command, ...rest]: readonly JsonObject[]): void {
    if (command === undefined) return
    this.#busy += 1
    const made = history.begin('first and last', command)
    this.#send(command, 'plain', (reply) => {
      this.#busy -= 1
      ok(toldBy(reply) === 'ran', `${JSON.stringify(command)} is answered ${JSON.stringify(reply)}`)
      made.answer(reply)
      this.#inTurn(subject, history, rest)
    })
  }

  #goOn(subject: Subject, history: History, caller: Caller, manner: string, left: number): void {
    if (left === 0) return
    this.#busy += 1
    const { random, scheduler } = this.simulation
    this.#lastTag += 1
    const tag = this.#lastTag
    const command = nextCommand(subject, random, caller, tag)
    const mayRepeat = command.cmd !== 'TRANSACTION' && !isRead(command)
    const isNumbered = mayRepeat && manner === 'numbered'
    const isKeyed = mayRepeat && manner === 'keyed'
    const sent = isKeyed ? { ...command, idempotency_key: `${tag}` } : command
    const made = history.begin(caller.name, sent)
    // A copy of what was refused may come late, to a shard that has died since and knows nothing of it.
    const late = isNumbered ? history.begin(`${caller.name}, a late copy`, command) : undefined
    let isOver = false
    const end = (reply: JsonObject | undefined): void => {
      if (isOver) return
      if (isKeyed && reply !== undefined && toldBy(reply) !== 'ran') return this.#sendLater(caller, sent, end)
      isOver = true
      this.#busy -= 1
      if (reply?.status !== 'error') late?.withdraw()
      if (reply !== undefined) {
        made.answer(reply)
        caller.notice(command, reply)
      }
      scheduler.add(`${caller.name} of ${subject.kind}`, () => this.#goOn(subject, history, caller, manner, left - 1))
    }
    this.#send(sent, isNumbered ? 'numbered' : 'plain', end)
    if (random(oneInImpatient) === 0) scheduler.add(`patience of ${caller.name}`, () => end(undefined))
  }

  #sendLater(caller: Caller, command: JsonObject, answered: (reply: JsonObject) => void): void {
    this.simulation.scheduler.add(`${caller.name} again`, () => this.#send(command, 'plain', answered))
  }

  #send(command: JsonObject, manner: 'numbered' | 'plain', answered: (reply: JsonObject) => void): void {
    if (manner === 'numbered') this.#client.send(command, answered)
    else this.simulation.call(command, answered)
  }

  async #untilDone(): Promise<void> {
    const { simulation } = this
    for (;;) {
      await simulation.settle()
      if (this.#busy === 0) return
      // Somebody waits for what only time brings about.
      simulation.advance(passMs)
      for (const mailbox of simulation.mailboxes) mailbox.expire()
    }
  }
}

async function simulateAgainAndAgain({ seed, goesOn }: CampaignRun): Promise<Counts> {
  const random = randomFrom(seed)
  const tally = new Tally()
  while (goesOn()) {
    const own = random(2 ** 31)
    const run = new Run(own)
    await run.toItsEnd()
    const { deaths, deathsOf } = run.simulation
    for (const [subject, history] of run.histories) {
      const died = subject.names.some((name) => (deathsOf[shardOf(name, shards)] ?? 0) > 0)
      tally.take(subject, history, `simulation ${own}`, died)
    }
    tally.deaths += deaths
  }
  return tally.counts()
}

export const simulatedLinearCampaign: Campaign = {
  name: 'linear-simulated',
  tries: 'commands on one state are linearizable, in simulated engines whose commits and shards fail at any step',
  run: simulateAgainAndAgain,
}
