// What the locks of a shard should do, in the simplest code that could be right. Time stands still but for `pass`; whoever
// waits is a number, and is answered by a line in `answered`.
import type { JsonObject } from '../../src/protocol/value.ts'

interface Holder {
  readonly owner: string
  readonly ttlMs: number
  endsAt: number
}

interface Waiter {
  readonly id: number
  readonly command: JsonObject
  readonly deadline: number
}

export class ModelLocks {
  now = 1_000
  readonly answered = new Map<number, JsonObject>()
  readonly #newest = new Map<string, number>()
  readonly #held = new Map<string, Holder>()
  #free: string[] = []
  #waiting = new Map<string, Waiter[]>()
  #last = 0
  #reserved = 0
  #floor = 0
  readonly #freeMax: number

  constructor(freeMax: number) {
    this.#freeMax = freeMax
  }

  /** The reply to a command; undefined for one that waits from now on, as `id`. Nothing is due. */
  call(command: JsonObject, id: number): JsonObject | undefined {
    const name = command.lock as string
    const holder = this.#held.get(name)
    switch (command.cmd) {
      case 'TRY_LOCK':
      case 'LOCK': {
        if (holder === undefined) return this.#grant(name, command)
        const waitMs = command.cmd === 'LOCK' ? ((command.timeout ?? 30) as number) * 1000 : 0
        if (waitMs === 0) return this.#notAcquired(name)
        this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), { id, command, deadline: this.now + waitMs }])
        return undefined
      }
      case 'EXTEND_LOCK':
        if (holder === undefined) return { status: 'ok', extended: false }
        if (!this.#isHolder(name, command)) return { status: 'error', code: 'LOCK_NOT_HELD', lock: name }
        this.#hold(name, holder.owner, ((command.ttl as number | undefined) ?? holder.ttlMs / 1000) * 1000)
        return { status: 'ok', extended: true }
      case 'UNLOCK':
        if (holder === undefined) return { status: 'ok', released: false }
        if (!this.#isHolder(name, command)) return { status: 'error', code: 'LOCK_NOT_HELD', lock: name }
        this.#release(name)
        this.#serve([name])
        return { status: 'ok', released: true }
      case 'GET_LOCK':
        return { status: 'ok', ...this.#described(name) }
      case 'LIST_LOCKS': {
        const names = [...this.#held.keys()].sort()
        const locks = names.map((each) => {
          const { held: _, ...rest } = this.#described(each)
          return { lock: each, ...rest }
        })
        return { status: 'ok', locks }
      }
      default:
        return this.#write(command.fence as { lock: string; token: number })
    }
  }

  /** Lets time pass, and brings about what is due then: locks first, the earliest first, and who waits for them. */
  pass(ms: number): void {
    this.now += ms
    const due = [...this.#held]
      .filter(([, { endsAt }]) => endsAt <= this.now)
      .sort(([, a], [, b]) => a.endsAt - b.endsAt)
    for (const [name] of due) this.#release(name)
    this.#serve(due.map(([name]) => name))
    const late = [...this.#waiting.values()].flat().filter(({ deadline }) => deadline <= this.now)
    for (const { id, command } of late) this.answered.set(id, this.#notAcquired(command.lock as string))
    this.#drop(late)
  }

  /** Whether anything is due within this time. */
  isDueWithin(ms: number): boolean {
    const ends = [...this.#held.values()].map(({ endsAt }) => endsAt)
    const deadlines = [...this.#waiting.values()].flat().map(({ deadline }) => deadline)
    return [...ends, ...deadlines].some((at) => at <= this.now + ms)
  }

  /** A new start: nobody waits any more, every lock begins anew, and what was reserved counts as granted. */
  restart(): void {
    this.#waiting = new Map()
    this.answered.clear()
    this.#last = this.#reserved
    for (const holder of this.#held.values()) holder.endsAt = this.now + holder.ttlMs
  }

  #grant(name: string, { ttl = 30, owner }: JsonObject): JsonObject {
    this.#last += 1
    if (this.#last > this.#reserved) this.#reserved = this.#last + 999
    const token = this.#last
    this.#newest.set(name, token)
    this.#free = this.#free.filter((other) => other !== name)
    const given = (owner as string | undefined) ?? `0/${token}`
    this.#hold(name, given, (ttl as number) * 1000)
    return { status: 'ok', acquired: true, owner: given, token, expires_in: ttl }
  }

  #hold(name: string, owner: string, ttlMs: number): void {
    this.#held.set(name, { owner, ttlMs, endsAt: this.now + ttlMs })
  }

  #release(name: string): void {
    this.#held.delete(name)
    // Of those that were free before, the one with the oldest token is forgotten.
    const tokenOf = (other: string): number => this.#newest.get(other) ?? 0
    const [oldest] = this.#free.toSorted((a, b) => tokenOf(a) - tokenOf(b))
    if (oldest !== undefined && this.#free.length >= this.#freeMax) {
      this.#floor = Math.max(this.#floor, tokenOf(oldest))
      this.#newest.delete(oldest)
      this.#free = this.#free.filter((other) => other !== oldest)
    }
    this.#free.push(name)
  }

  #serve(names: readonly string[]): void {
    for (const name of names) {
      const first = this.#waiting.get(name)?.[0]
      if (first === undefined) continue
      this.#drop([first])
      this.answered.set(first.id, this.#grant(name, first.command))
    }
  }

  #drop(waiters: readonly Waiter[]): void {
    for (const [name, all] of this.#waiting)
      this.#waiting.set(
        name,
        all.filter((waiter) => !waiters.includes(waiter)),
      )
  }

  #isHolder(name: string, { owner, token }: JsonObject): boolean {
    return this.#held.get(name)?.owner === owner && (token === undefined || token === this.#newest.get(name))
  }

  #notAcquired(name: string): JsonObject {
    return { status: 'ok', acquired: false, owner: null, token: null, expires_in: this.#left(name) }
  }

  #left(name: string): number | null {
    const holder = this.#held.get(name)
    return holder === undefined ? null : Math.ceil(holder.endsAt - this.now) / 1000
  }

  #described(name: string): JsonObject {
    return {
      held: this.#held.has(name),
      owner: this.#held.get(name)?.owner ?? null,
      token: this.#newest.get(name) ?? null,
      expires_in: this.#left(name),
      waiters: this.#waiting.get(name)?.length ?? 0,
    }
  }

  #write({ lock, token }: { lock: string; token: number }): JsonObject {
    const newest = this.#newest.get(lock)
    const isGood = newest === undefined ? token > this.#floor : token >= newest
    return isGood ? { status: 'ok' } : { status: 'error', code: 'FENCED', lock, token, newest: newest ?? this.#floor }
  }
}
