// Puts the engine together: shards, their mailboxes, the router, and the supervisor of the threads. Usable in a program
// of one's own; the daemon adds its front ends. With `shards: 0` everything runs in the caller's thread, on the same code.
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { systemClocks, systemWakeAfter } from './base/clock.ts'
import type { Durability, Storage } from './base/durability.ts'
import { defaultLimits, type Limits } from './base/limits.ts'
import { type Log, silentLog } from './base/log.ts'
import type { Caller } from './client/caller.ts'
import { embeddedCaller } from './client/embedded.ts'
import { StateMethods } from './client/state-methods.ts'
import { type WatchSource } from './client/watch.ts'
import { WatchPlaces } from './client/watch-places.ts'
import type { EngineOptions } from './engine-options.ts'
import { BackupFolder } from './journal/backup-folder.ts'
import { type Folder, openFolder } from './journal/folder.ts'
import { type Journal, JournalCorrupt } from './journal/journal.ts'
import { openJournal } from './journal/open.ts'
import { hasOpenTransactions, repartition } from './journal/repartition.ts'
import type { Fault } from './protocol/control.ts'
import { invalidRequest, requestIdOf } from './protocol/envelope.ts'
import { isErrorCode, isRetryable, refusal, refusalReply } from './protocol/errors.ts'
import type { OnTransition, Validate } from './protocol/hooks.ts'
import { progressSlot, progressSlotCount, type ReplyBody } from './protocol/mailbox.ts'
import { checkEnvelope, elementOf } from './protocol/message.ts'
import type { ShardStatistics } from './protocol/statistics.ts'
import { copyObject, depthMax, isObject, type JsonObject, operationDepthMax, valueProblem } from './protocol/value.ts'
import { Feed } from './router/feed.ts'
import { lastCommandOf } from './router/last-command.ts'
import { Mailbox } from './router/mailbox.ts'
import { type DeathReason, Quarantine } from './router/quarantine.ts'
import { Router } from './router/router.ts'
import { Supervisor } from './router/supervisor.ts'
import { backupCut } from './shard/backup.ts'
import { loadExtension } from './shard/extension.ts'
import { Faults } from './shard/faults.ts'
import { HookCalls } from './shard/hook-calls.ts'
import { HookSet } from './shard/hook-set.ts'
import { Shard } from './shard/shard.ts'

export type { EngineOptions } from './engine-options.ts'

/**
 * Starts an engine. Rejects if its folder cannot be had, or a shard cannot be started; then nothing is left running. A
 * shard whose stored states are damaged does not serve, while the others do.
 */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const { data, shards } = options
  const newShards = Math.max(1, shards ?? availableParallelism() - 1)
  let folder = data === undefined ? undefined : openFolder(data, newShards)
  if (folder !== undefined && shards !== undefined && folder.shards !== newShards) {
    folder = await spreadOver(newShards, folder, options)
  }
  const engine = new Engine(options, folder, shards === 0 ? 0 : (folder?.shards ?? newShards))
  try {
    await engine.start()
  } catch (error) {
    folder?.release()
    throw error
  }
  return engine
}

/** Spreads the data over so many shards, once its own number has brought all transactions over several to their end. */
async function spreadOver(shards: number, folder: Folder, options: EngineOptions): Promise<Folder> {
  const { limits, log = silentLog } = options
  try {
    if (hasOpenTransactions(folder)) {
      log.info(
        { event: 'repartition_waits', data: folder.path, shards: folder.shards },
        'transactions are brought to their end first',
      )
      const engine = new Engine(options, { ...folder, release: () => {} }, folder.shards)
      try {
        await engine.start()
      } finally {
        // As each shard starts, what an earlier life has left is taken up; to close is to wait for that.
        await engine.close()
      }
    }
    return await repartition(folder, shards, { limits: { ...defaultLimits, ...limits }, log })
  } catch (error) {
    folder.release()
    throw error
  }
}

/** How long to wait before a shard that could not be started is tried again. */
const inlineRestartMs = 100
/** How often requests that wait too long are looked for. */
const expiryIntervalMs = 1_000

export class Engine extends StateMethods {
  readonly limits: Limits
  readonly router: Router
  readonly mailboxes: readonly Mailbox[]
  /** What is published of the states that somebody watches from outside. */
  readonly feed: Feed
  readonly durability: Durability
  /** Threads that own the states; 0 without threads. */
  readonly shards: number
  readonly #options: EngineOptions
  readonly #folder: Folder | undefined
  readonly #storage: Storage | undefined
  readonly #log: Log
  readonly #inline: boolean
  readonly #deaths = new Map<string, number>()
  readonly #quarantine: Quarantine
  readonly #caller = embeddedCaller((command) => this.call(command))
  /** Those of the shard where it runs without threads; otherwise those to be called here, when a thread tells. */
  #hooks = new HookSet()
  readonly #hookCalls: HookCalls
  #supervisor: Supervisor | undefined
  #inlineShard: Shard | undefined
  readonly #inlineFaults: Faults | undefined
  #expiryTimer: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  readonly #end = new AbortController()
  readonly #places = new WatchPlaces()

  /** For `openEngine`. */
  constructor(options: EngineOptions, folder: Folder | undefined, shards: number) {
    super()
    const { data, durability = 'strict' } = options
    this.#options = options
    this.#folder = folder
    this.shards = shards
    this.#storage = data === undefined ? undefined : { folder: data, durability }
    this.durability = this.#storage?.durability ?? 'memory'
    this.#log = options.log ?? silentLog
    this.#hookCalls = new HookCalls(this.#log, () => {})
    this.#inline = shards === 0
    this.#inlineFaults = this.#inline && options.faultsEnabled === true ? new Faults() : undefined
    this.limits = { ...defaultLimits, ...options.limits }
    const gather = options.gather ?? (this.#inline ? 'microtask' : 'turn')
    const schedule = gather === 'turn' ? setImmediate : queueMicrotask
    const now = (): number => performance.now()
    this.mailboxes = Array.from(
      { length: Math.max(1, shards) },
      (_, shard) => new Mailbox({ shard, limits: this.limits, schedule, now }),
    )
    const { mailboxes, limits } = this
    this.#quarantine = new Quarantine({ limits, log: this.#log, now })
    // What is kept nowhere is other data at every start.
    const dataId = folder?.id ?? randomBytes(16).toString('hex')
    this.router = new Router({
      mailboxes,
      limits,
      durability: this.durability,
      dataId,
      quarantine: this.#quarantine,
      now,
      log: this.#log,
      backups: folder && new BackupFolder(options.backups ?? join(folder.path, 'backups'), folder),
    })
    const { watchedStatesMax } = limits
    this.feed = new Feed({ mailboxes, watchedStatesMax, instance: () => this.router.instance })
  }

  async start(): Promise<void> {
    const { extension } = this.#options
    if (this.#inline && extension !== undefined) this.#hooks = new HookSet(await loadExtension(extension))
    if (this.#inline) await this.#startInline(this.mailboxes[0] as Mailbox)
    else await this.#startThreads()
    this.#expiryTimer = setInterval(() => {
      for (const mailbox of this.mailboxes) mailbox.expire()
    }, expiryIntervalMs)
    this.#expiryTimer.unref()
  }

  /**
   * Runs one command in its documented form and answers with its reply, which has `status` `ok` or `error`. Refusals are
   * replies and not exceptions. Nothing of the command or the reply is shared with the engine.
   */
  call(command: JsonObject): Promise<JsonObject> {
    const given = withoutUndefined(command)
    const problem = valueProblem(given, (given.ops === undefined ? depthMax : operationDepthMax) + 1)
    if (problem !== undefined) {
      return Promise.resolve({ ...refusalReply(invalidRequest(problem)), ...requestIdOf(given) })
    }
    return new Promise((resolve) => {
      // A caller that tries again at once must not keep the event loop from what makes the next try succeed.
      const answer = (reply: JsonObject): void => {
        if (isErrorCode(reply.code) && isRetryable(reply.code)) setImmediate(() => resolve(reply))
        else resolve(reply)
      }
      if (this.#inline) {
        this.router.run(checkEnvelope(copyObject(given)), 'values', (body) => answer(copyObject(body as JsonObject)))
      } else {
        // What travels as text is made now; a transaction is cloned only as it leaves.
        const own = given.ops === undefined ? given : copyObject(given)
        const element = elementOf(own, undefined, { sliceRows: true, commandsMax: 1 })
        this.router.run(element, 'json', (reply) => answer(objectOf(reply)))
      }
    })
  }

  /**
   * Has `hook` asked about every change of the state before it is made: of each record that SET_STATE brings, too. What it
   * throws refuses the command with REFUSED_BY_HOOK. Only with `shards: 0`, as no thread can wait for another one here;
   * with threads, give an `extension`. Returns what takes the hook away again.
   */
  validate(state: string, hook: Validate): () => void {
    if (this.#inline) return this.#hooks.addValidate(state, hook)
    throw new Error('validate needs an engine with shards: 0; with threads, give the option extension')
  }

  /**
   * Has `hook` called after the commit of every transition in the state: of an instance of a machine, or of a record's
   * field that follows one. With threads the calls are made here, soon after the replies; those of a shard that dies may
   * be lost. Resolves, once nothing more is missed, with what takes the hook away again.
   */
  async onTransition(state: string, hook: OnTransition): Promise<() => void> {
    const remove = this.#hooks.addOnTransition(state, hook)
    await this.#supervisor?.follow(state, true)
    return () => {
      remove()
      if (this.#hooks.listenersOf(state).length === 0) void this.#supervisor?.follow(state, false)
    }
  }

  /**
   * What each shard tells of itself, with so many of its largest states; undefined for one that is down or does not
   * answer within the time.
   */
  async statistics(answerMsMax?: number, largest?: number): Promise<(ShardStatistics | undefined)[]> {
    if (this.#supervisor !== undefined) return this.#supervisor.statistics(answerMsMax, largest)
    return [await this.#inlineShard?.statisticsInSlices(largest)]
  }

  /** How often shards died, by shard and reason. */
  deaths(): { shard: number; reason: string; count: number }[] {
    return [...this.#deaths].map(([key, count]) => {
      const [shard, reason] = key.split(' ') as [string, string]
      return { shard: Number(shard), reason, count }
    })
  }

  /** Only with `faultsEnabled`: ends a shard in the given way at its next command. */
  async injectFault(shard: number, fault: Fault): Promise<void> {
    if (this.#options.faultsEnabled !== true) throw new Error('faults are not enabled')
    this.#inlineFaults?.arm(fault)
    await this.#supervisor?.injectFault(shard, fault)
  }

  /** Answers what was accepted, refuses what comes later, and ends every shard. May be called again. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  protected override get caller(): Caller {
    return this.#caller
  }

  protected override get watchSource(): WatchSource {
    // Without a disk, versions begin anew when a shard has lost its states.
    const history = (): number => this.router.instance
    return { caller: this.#caller, history, places: this.#places, closed: this.#end.signal }
  }

  async #close(): Promise<void> {
    this.#end.abort()
    await this.router.drain()
    clearInterval(this.#expiryTimer)
    this.#quarantine.end()
    await this.#supervisor?.stop()
    await this.#inlineShard?.stop()
    await this.#hookCalls.finish()
    this.#folder?.release()
  }

  async #startThreads(): Promise<void> {
    const { mailboxes, limits } = this
    // Tests run the sources, but threads always run what was built.
    const entry = import.meta.url.endsWith('.ts') ? '../dist/workers/shard.js' : '../workers/shard.js'
    this.#supervisor = new Supervisor({
      mailboxes,
      limits,
      storage: this.#storage,
      workerFile: new URL(entry, import.meta.url).href,
      faultsEnabled: this.#options.faultsEnabled ?? false,
      extension: this.#options.extension,
      slowLogMs: this.#options.slowLogMs,
      log: this.#log,
      quarantine: this.#quarantine,
      onTransition: (change) => {
        for (const hook of this.#hooks.listenersOf(change.state)) {
          this.#hookCalls.tell('onTransition', change.state, () => hook(change))
        }
      },
      onFeed: (messages, publishedAt) => this.feed.take(messages, publishedAt),
      onDeath: (shard, reason) => this.#noticeDeath(shard, reason),
    })
    await this.#supervisor.start()
  }

  /** The same actor in this thread. If it fails it is made anew, as the supervisor does with a thread. */
  async #startInline(mailbox: Mailbox): Promise<void> {
    const progress = new Int32Array(new SharedArrayBuffer(progressSlotCount * Int32Array.BYTES_PER_ELEMENT))
    const faults = this.#inlineFaults
    const opened = openJournal({ shard: 0, storage: this.#storage, limits: this.limits, progress, log: this.#log })
    const journal = faults?.around(opened) ?? opened
    const shard = new Shard({
      id: 0,
      shards: 1,
      limits: this.limits,
      journal,
      clocks: systemClocks,
      send: (replies) => mailbox.settle(replies),
      publish: (messages) => this.feed.take(messages),
      schedule: setImmediate,
      wakeAfter: systemWakeAfter,
      onFailure: (error) => {
        const lastCommand = lastCommandOf(mailbox, progress)
        mailbox.detach(Atomics.load(progress, progressSlot.batchTaken))
        this.#noticeDeath(0, 'failed')
        const death = { reason: 'failed', error: String(error), lastCommand } as const
        void this.#startInlineAgain(mailbox, journal, this.#quarantine.noteDeath(mailbox, death))
      },
      progress,
      hooks: this.#hooks,
      cuts: { backup: backupCut(0, journal) },
      log: this.#log,
      slowLogMs: this.#options.slowLogMs,
      ...(faults && { probe: faults.probe }),
    })
    try {
      await shard.recover()
    } catch (error) {
      await journal.close()
      if (!(error instanceof JournalCorrupt)) throw error
      const { problems } = error
      this.#log.error(
        { event: 'shard_corrupt', shard: 0, lost: problems },
        'a shard is damaged and does not serve; its file is left as it is',
      )
      mailbox.refuseAll(refusal('SHARD_CORRUPT', { shard: 0, lost: [...problems] }))
      return
    }
    this.#inlineShard = shard
    mailbox.attach({ post: (batch) => shard.receive(batch) })
  }

  async #startInlineAgain(mailbox: Mailbox, dead: Journal, released: Promise<void> | undefined): Promise<void> {
    this.#inlineShard = undefined
    await dead.close().catch(() => {})
    await released
    while (this.#closing === undefined) {
      try {
        return await this.#startInline(mailbox)
      } catch (error) {
        this.#log.error({ event: 'shard_not_started', shard: 0, error: String(error) }, 'a shard could not be started')
        await new Promise((resolve) => setTimeout(resolve, inlineRestartMs))
      }
    }
  }

  #noticeDeath(shard: number, reason: DeathReason): void {
    const key = `${shard} ${reason}`
    this.#deaths.set(key, (this.#deaths.get(key) ?? 0) + 1)
    if (this.durability !== 'memory') return
    this.#log.error(
      { event: 'states_lost', shard },
      'the states of this shard are lost: in memory mode nothing is kept',
    )
    this.router.noticeLoss()
  }
}

/** An argument that is left out may also be given as undefined. */
function withoutUndefined(command: JsonObject): JsonObject {
  for (const field in command) {
    if (command[field] !== undefined) continue
    return Object.fromEntries(Object.entries(command).filter(([, value]) => value !== undefined))
  }
  return command
}

function objectOf(body: ReplyBody): JsonObject {
  if (isObject(body)) return body
  const text = typeof body === 'string' ? body : Buffer.concat(body as Uint8Array[]).toString()
  return JSON.parse(text) as JsonObject
}
