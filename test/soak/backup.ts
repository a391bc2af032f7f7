// A daemon that makes backups under load, and is killed while it makes one, again and again: what stands under the name of a
// backup is whole, passes a check, and holds one moment of all shards; what was not finished is never found there, and the
// daemon itself has lost nothing.
import { ok, strictEqual } from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, connect } from '../../src/client/index.ts'
import { databaseFile } from '../../src/journal/folder.ts'
import { loadSqlite } from '../../src/journal/sqlite-library.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import { contentsOfFolder } from '../support/folder-contents.ts'
import { type Program, startDaemon } from '../support/program.ts'
import { randomFrom } from '../support/random.ts'
import type { Campaign, CampaignRun, Counts } from './campaign.ts'

const accounts = Array.from({ length: 12 }, (_, index) => `account ${index}`)
const startingBalance = 1_000
const transfersAtOnce = 8
const bulkKeys = 400
const bulkBytes = 16_000
/** In one life so many backups are made, at most; one more is begun, and the daemon killed. */
const backupsMax = 2
/** A kill comes so much later than the last backup was asked for, at most: about what that takes. */
const killMsMax = 150

/** What the transfers of one life had come to when something happened. */
interface Tally {
  asked: number
  answered: number
}

class Life {
  readonly client: Client
  readonly program: Program
  readonly #random: (below: number) => number
  readonly tally: Tally

  constructor(client: Client, program: Program, random: (below: number) => number, tally: Tally) {
    this.client = client
    this.program = program
    this.#random = random
    this.tally = tally
  }

  /** Goes on until the daemon is gone. Each transfer raises a number that says how many there were, on either side. */
  async transfer(): Promise<never> {
    for (;;) {
      const from = this.#random(accounts.length)
      const to = (from + 1 + this.#random(accounts.length - 1)) % accounts.length
      const by = 1 + this.#random(9)
      const op = (account: number, amount: number): JsonObject[] => [
        { cmd: 'INCREMENT_KEY', state: accounts[account] as string, key: 'balance', by: amount },
        { cmd: 'INCREMENT_KEY', state: accounts[account] as string, key: 'transfers', by: 1 },
      ]
      this.tally.asked += 1
      await this.client.call({ cmd: 'TRANSACTION', ops: [...op(from, -by), ...op(to, by)] })
      this.tally.answered += 1
    }
  }
}

/** The sums over all accounts of a folder that nobody serves from; throws if anything there is damaged. */
async function sumsIn(path: string): Promise<{ money: number; transfers: number }> {
  const { shards } = await contentsOfFolder(path)
  const sums = { money: 0, transfers: 0 }
  for (let shard = 0; shard < shards; shard += 1) {
    const database = new (loadSqlite().DatabaseSync)(databaseFile(path, shard), { readOnly: true })
    try {
      const rows = database
        .prepare("SELECT key, json_extract(bytes, '$.value') AS value FROM rows WHERE tbl = 'keys'")
        .all()
      for (const { key, value } of rows as { key: string; value: number }[]) {
        if (key.endsWith('/balance')) sums.money += value
        else if (key.endsWith('/transfers')) sums.transfers += value / 2
      }
    } finally {
      database.close()
    }
  }
  return sums
}

async function backUpAndKill(
  { seed, folder, goesOn }: CampaignRun,
  durability: string,
  keyCount: number,
): Promise<Counts> {
  const random = randomFrom(seed)
  const counts = { kills: 0, backups: 0, 'of them in a kill': 0, 'left unfinished': 0, transfers: 0 }
  const data = join(folder, 'data')
  const backups = join(folder, 'backups')
  /** Over all lives; of those that were asked for and not answered nobody knows. */
  const tally: Tally = { asked: 0, answered: 0 }
  let made = 0
  for (let isFirst = true; ; isFirst = false) {
    const args = ['--data', data, '--backups', backups, '--durability', durability, '--shards', '3']
    const { program, endpoint } = await startDaemon(args)
    const client = await connect(endpoint, { retry: false })
    try {
      if (isFirst) await prepare(client, keyCount)
      const found = await balances(client)
      strictEqual(found.money, startingBalance * accounts.length, 'the money is all there')
      ok(found.transfers >= tally.answered && found.transfers <= tally.asked, 'each transfer is there once')
      tally.asked = found.transfers
      tally.answered = found.transfers
      if (!goesOn()) return counts
      const life = new Life(client, program, random, tally)
      const load = Promise.allSettled(Array.from({ length: transfersAtOnce }, () => life.transfer()))
      const bounds = new Map<string, { readonly least: number; readonly most: () => number }>()
      const begin = (): { readonly name: string; readonly making: Promise<unknown> } => {
        made += 1
        const name = `backup-${made}`
        const least = tally.answered
        let most: number | undefined
        bounds.set(name, { least, most: () => most ?? tally.asked })
        const making = client.backup(name).finally(() => (most = tally.asked))
        return { name, making }
      }
      for (let left = random(backupsMax + 1); left > 0; left -= 1) await begin().making
      const last = begin()
      const over = last.making.catch((error: unknown) => {
        strictEqual((error as { code: string }).code, 'OUTCOME_UNKNOWN', String(error))
      })
      await new Promise((resolve) => setTimeout(resolve, random(killMsMax)))
      program.child.kill('SIGKILL')
      await Promise.all([program.over, over, load])
      counts.kills += 1
      counts.transfers = tally.answered
      counts['left unfinished'] += readdirSync(backups).filter((name) => name.startsWith('.')).length
      if (existsSync(join(backups, last.name))) counts['of them in a kill'] += 1
      for (const [name, { least, most }] of bounds) {
        const path = join(backups, name)
        // Only the one that was under way may not be there.
        ok(existsSync(path) || name === last.name, `${name}, which was acknowledged, is there`)
        if (!existsSync(path)) continue
        counts.backups += 1
        const sums = await sumsIn(path)
        strictEqual(sums.money, startingBalance * accounts.length, `${name} holds one moment of all shards`)
        ok(sums.transfers >= least, `${name} has ${sums.transfers} transfers of ${least} that were answered before`)
        ok(sums.transfers <= most(), `${name} has ${sums.transfers} transfers of ${most()} that were asked for by then`)
        rmSync(path, { recursive: true })
      }
    } finally {
      await client.close({ waitMs: 0 })
      await program.end()
    }
  }
}

async function prepare(client: Client, keyCount: number): Promise<void> {
  for (const state of accounts) {
    await client.call({ cmd: 'SET_KEY', state, key: 'balance', value: startingBalance })
    await client.call({ cmd: 'SET_KEY', state, key: 'transfers', value: 0 })
  }
  const value = 'x'.repeat(bulkBytes)
  const keys = Array.from({ length: keyCount }, (_, index) => `key ${index}`)
  await Promise.all(keys.map((key, index) => client.call({ cmd: 'SET_KEY', state: `bulk ${index % 9}`, key, value })))
}

async function balances(client: Client): Promise<{ money: number; transfers: number }> {
  const sum = async (key: string): Promise<number> => {
    const found = await Promise.all(accounts.map((state) => client.call({ cmd: 'GET_KEY', state, key })))
    return found.reduce((total, { value }) => total + Number(value), 0)
  }
  return { money: await sum('balance'), transfers: (await sum('transfers')) / 2 }
}

/** `keyCount`: how many long values there are besides what is transferred, so that a backup takes its time. */
export function backupCampaign(durability: 'strict' | 'relaxed', keyCount = bulkKeys): Campaign {
  return {
    name: `backup-${durability}`,
    tries: `a backup in ${durability} mode is one whole moment of all shards, or there is none of its name, whenever kill -9 comes`,
    run: (run) => backUpAndKill(run, durability, keyCount),
  }
}
