// The deaths of shards. One that dies too often within a while is quarantined: it stays down, refuses everything, and
// the others serve, until an operator releases it. Kept in memory only: a daemon that is started again tries again.
// Told by whoever starts shards; asked by the router for the commands of an operator.
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import { refusal } from '../protocol/errors.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { LastCommand } from './last-command.ts'
import type { Mailbox } from './mailbox.ts'

/**
 * `failed`: the actor ended with an error; `hung`: the watchdog ended its thread; `out_of_memory`: its heap passed the
 * bound; `exited`: the thread ended by itself in some other way.
 */
export type DeathReason = 'failed' | 'hung' | 'out_of_memory' | 'exited'

export interface Death {
  readonly reason: DeathReason
  /** What the shard said at its end, if anything. */
  readonly error: string | undefined
  readonly lastCommand: LastCommand | undefined
}

export interface QuarantineOptions {
  readonly limits: Limits
  readonly log: Log
  /** Milliseconds from an arbitrary start. */
  readonly now: () => number
}

interface Halted {
  readonly entry: JsonObject
  readonly release: () => void
}

export class Quarantine {
  readonly #options: QuarantineOptions
  /** When each shard died, as far back as it matters. */
  readonly #diedAt = new Map<number, number[]>()
  readonly #halted = new Map<number, Halted>()

  constructor(options: QuarantineOptions) {
    this.#options = options
  }

  /**
   * Notes a death. Where it was one too many, every request for the shard is refused from now on, and the promise resolves
   * once it may start again; undefined where it may do so now.
   */
  noteDeath(mailbox: Mailbox, { reason, error, lastCommand }: Death): Promise<void> | undefined {
    const { limits, log, now } = this.#options
    const { shard } = mailbox
    const lately = (this.#diedAt.get(shard) ?? []).filter((diedAt) => diedAt > now() - limits.shardDeathsWindowMs)
    const diedAt = [...lately, now()]
    this.#diedAt.set(shard, diedAt)
    const deaths = diedAt.length
    const last = { shard, deaths, reason, last_command: lastCommand ?? null }
    if (deaths < limits.shardDeathsMax) {
      log.error({ event: 'shard_died', ...last, error }, 'a shard died and is started again')
      return undefined
    }
    log.error(
      { event: 'shard_quarantined', ...last, error },
      'a shard died too often and is quarantined; RELEASE_SHARD starts it again',
    )
    mailbox.refuseAll(refusal('QUARANTINED', last))
    return new Promise((resolve) => {
      const release = (): void => {
        this.#halted.delete(shard)
        this.#diedAt.delete(shard)
        mailbox.refuseNoLonger()
        resolve()
      }
      this.#halted.set(shard, { entry: { ...last, since: Date.now() / 1000 }, release })
    })
  }

  /** The quarantined shards by number, as LIST_QUARANTINED tells of them. */
  list(): JsonObject[] {
    return [...this.#halted].sort(([a], [b]) => a - b).map(([, { entry }]) => entry)
  }

  /** False if the shard is not quarantined. */
  release(shard: number): boolean {
    const halted = this.#halted.get(shard)
    if (halted === undefined) return false
    this.#options.log.info({ event: 'shard_released', shard }, 'a quarantined shard is released')
    halted.release()
    return true
  }

  /** Lets go of whoever waits to start a shard, since there is nothing more to start. */
  end(): void {
    for (const { release } of this.#halted.values()) release()
  }
}
