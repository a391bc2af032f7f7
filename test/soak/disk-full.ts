// A daemon on a disk of a few megabytes that is filled again and again: nothing that it acknowledged is lost, nothing that
// it refused is there, reads and deletes go on, and writes come back once there is space; also when the daemon is killed or
// stopped while the disk is full, and when somebody else takes what is left of it.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Durability } from '../../src/base/durability.ts'
import { type Client, connect } from '../../src/client/index.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { eventually } from '../support/eventually.ts'
import { type RunningDaemon, startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import { SmallDisk } from '../support/small-disk.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const reserveBytes = 1024 * 1024
/** They live on both shards. */
const states = ['a', 'b', 'c', 'd']
const writersPerState = 8
const valueBytesMax = 6_000
const keysPerState = 100_000
/** Of a machine that has other things to do as well; a second is what it takes. */
const comeBackMs = 20_000

/** What one state holds, as far as its clients know: a key with two values was being written when the daemon died. */
type Known = Map<string, readonly (string | null)[]>

class Filling {
  readonly counts = { fills: 0, acknowledged: 0, refused: 0, deletes: 0, kills: 0, stops: 0, 'taken by others': 0 }
  readonly #random: (below: number) => number
  readonly #arguments: readonly string[]
  readonly #disk: SmallDisk
  readonly #known = new Map(states.map((state): [string, Known] => [state, new Map()]))
  #daemon: RunningDaemon | undefined
  #client: Client | undefined

  constructor(durability: Durability, disk: SmallDisk, configuration: string, seed: number) {
    this.#random = randomFrom(seed)
    this.#disk = disk
    this.#arguments = ['--data', disk.data, '--shards', '2', '--durability', durability, '--config', configuration]
  }

  /** Fills the disk once, and makes room again in one of many ways. */
  async round(): Promise<void> {
    await this.#fill()
    this.counts.fills += 1
    await this.#compare()
    await this.#looksFull()
    if (this.#random(2) === 0) {
      this.#disk.fill()
      this.counts['taken by others'] += 1
    }
    const end = this.#random(4)
    if (end === 0) await this.#die()
    else if (end === 1) await this.#stop()
    await this.#compare()
    await this.#delete(2 + this.#random(3))
    await this.#compare()
    if (this.#random(2) === 0) this.#disk.clear()
    await this.#writesComeBack()
  }

  async start(): Promise<void> {
    this.#daemon = await startDaemon(this.#arguments)
    this.#client = await connect(this.#daemon.endpoint, { retry: false })
  }

  get said(): string {
    return this.#daemon?.program.stderr ?? ''
  }

  async end(): Promise<void> {
    await this.#client?.close()
    await this.#daemon?.program.end()
  }

  async #call(command: Parameters<Client['call']>[0]): Promise<JsonObject> {
    if (this.#client === undefined) throw new Error('the daemon was not started')
    return this.#client.call(command)
  }

  /** Answers with the code of a refusal, or with nothing. */
  async #write(state: string, key: string, value: string | null): Promise<string | undefined> {
    const known = this.#known.get(state) as Known
    const before = known.get(key) ?? [null]
    known.set(key, [...before, value])
    try {
      await this.#call(value === null ? { cmd: 'DELETE_KEY', state, key } : { cmd: 'SET_KEY', state, key, value })
      known.set(key, [value])
      this.counts.acknowledged += 1
      return undefined
    } catch (error) {
      const { code } = error as { code: string }
      if (code !== 'OUTCOME_UNKNOWN') known.set(key, before)
      return code
    }
  }

  async #fill(): Promise<void> {
    const writers = states.flatMap((state) => Array.from({ length: writersPerState }, () => state))
    const sizes = [200, valueBytesMax][this.#random(2)] as number
    await Promise.all(
      writers.map(async (state, writer) => {
        for (;;) {
          // Each writer has keys of its own, so that every value has one writer at a time.
          const key = `${writer}/${this.#random(keysPerState)}`
          const code = await this.#write(state, key, `${key} `.padEnd(this.#random(sizes), '.'))
          if (code === undefined) continue
          strictEqual(code, 'STORAGE_FULL')
          this.counts.refused += 1
          return
        }
      }),
    )
  }

  /** Everything is as its clients know it. */
  async #compare(): Promise<void> {
    for (const state of states) {
      const known = this.#known.get(state) as Known
      const { keys } = await this.#call({ cmd: 'LIST_KEYS', state })
      const held = new Set(keys as string[])
      for (const key of held)
        ok(
          known.get(key)?.some((value) => value !== null),
          `${state}/${key} was never written`,
        )
      for (const [key, values] of known) {
        if (values.length === 1) strictEqual(held.has(key), values[0] !== null, `${state}/${key} is lost, or is back`)
      }
      const read = await Promise.all([...known.keys()].map((key) => this.#call({ cmd: 'GET_KEY', state, key })))
      for (const [index, [key, values]] of [...known].entries()) {
        const value = (read[index] as JsonObject).value as string | null
        ok(values.includes(value), `${state}/${key} holds what was not acknowledged`)
        if (value === null) known.delete(key)
        else known.set(key, [value])
      }
    }
  }

  async #looksFull(): Promise<void> {
    const metrics = `http://${this.#daemon?.metrics}`
    strictEqual((await fetch(`${metrics}/readyz`)).status, 200)
    const samples = (await (await fetch(`${metrics}/metrics`)).text()).split('\n')
    ok(
      samples.some((sample) => /^holdfast_storage_full\{shard="\d"\} 1$/.test(sample)),
      'the metric says that it is full',
    )
    for (const shard of [0, 1]) {
      const said = this.#daemon?.program.log.filter((line) => line.shard === shard && /disk/.test(String(line.msg)))
      const begins = said?.map(({ msg }) => /is full/.test(String(msg))) ?? []
      deepStrictEqual(
        begins,
        begins.map((_, index) => index % 2 === 0),
        'it is said once when it begins, and once when it ends',
      )
    }
  }

  /** Deletes one key of so many. Each of them is admitted. */
  async #delete(oneOf: number): Promise<void> {
    for (const [state, known] of this.#known) {
      const chosen = [...known.keys()].filter(() => this.#random(oneOf) === 0)
      for (let index = 0; index < chosen.length; index += 16) {
        const codes = await Promise.all(chosen.slice(index, index + 16).map((key) => this.#write(state, key, null)))
        deepStrictEqual(codes.filter(Boolean), [], 'deletes are admitted')
        this.counts.deletes += codes.length
      }
    }
  }

  /** Killed while it deletes. */
  async #die(): Promise<void> {
    const [state, known] = [...this.#known][this.#random(states.length)] as [string, Known]
    const left = { count: 1 + this.#random(20) }
    await Promise.all(
      [...known.keys()].slice(0, 40).map(async (key) => {
        const code = await this.#write(state, key, null)
        ok(code === undefined || ['OUTCOME_UNKNOWN', 'NOT_CONNECTED', 'NOT_SENT'].includes(code), code)
        left.count -= 1
        if (left.count === 0) this.#daemon?.program.child.kill('SIGKILL')
      }),
    )
    this.#daemon?.program.child.kill('SIGKILL')
    await this.#daemon?.program.over
    this.counts.kills += 1
    await this.#startAgain()
  }

  async #stop(): Promise<void> {
    this.#daemon?.program.child.kill('SIGTERM')
    strictEqual((await this.#daemon?.program.over)?.status, 0)
    this.counts.stops += 1
    // What closing had freed is in the reserve.
    this.#disk.fill()
    await this.#startAgain()
  }

  async #startAgain(): Promise<void> {
    await this.#client?.close()
    await this.start()
  }

  async #writesComeBack(): Promise<void> {
    for (const state of states) {
      await eventually(
        `${state} takes writes`,
        async () => (await this.#write(state, 'probe', 'here')) === undefined,
        comeBackMs,
      )
    }
  }
}

async function fillAgainAndAgain(
  durability: Durability,
  megabytes: number,
  { seed, folder, goesOn }: CampaignRun,
): Promise<Counts> {
  const configuration = join(folder, 'holdfast-config.json')
  writeFileSync(configuration, JSON.stringify({ limits: { reserveBytesPerShard: reserveBytes } }))
  const disk = new SmallDisk(megabytes, folder)
  try {
    const filling = new Filling(durability, disk, configuration, seed)
    try {
      await filling.start()
      while (goesOn()) await filling.round()
    } catch (error) {
      throw new Error(`with ${JSON.stringify(filling.counts)} the daemon said: ${filling.said}`, { cause: error })
    } finally {
      await filling.end()
    }
    return filling.counts
  } finally {
    disk.unmount()
  }
}

export function diskFullCampaign(durability: Exclude<Durability, 'memory'>, megabytes = 8): Campaign {
  return {
    name: `disk-full-${durability}`,
    tries: `on a full disk nothing acknowledged in ${durability} mode is lost, reads and deletes go on, and writes come back`,
    run: (run) => fillAgainAndAgain(durability, megabytes, run),
  }
}
