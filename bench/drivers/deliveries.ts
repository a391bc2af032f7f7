// Counts who has heard of what was written, so that an operation can be over when all have. And how watchers are made, of
// ours and of Redis, one connection for each.
import type { Redis } from 'ioredis'
import { type Client, connect } from '../../src/client/index.ts'

const watchersDefault = 100
const state = 'watched'

class Deliveries {
  readonly #watchers: number
  readonly #missing = new Map<number, { left: number; readonly resolve: () => void }>()
  #last = 0

  constructor(watchers: number) {
    this.#watchers = watchers
  }

  /** The number of something new, and the promise that all watchers have heard of it. */
  next(): { readonly number: number; readonly delivered: Promise<void> } {
    this.#last += 1
    const number = this.#last
    const delivered = new Promise<void>((resolve) => {
      this.#missing.set(number, { left: this.#watchers, resolve })
    })
    return { number, delivered }
  }

  hear(number: number): void {
    const missing = this.#missing.get(number)
    if (missing === undefined) return
    missing.left -= 1
    if (missing.left > 0) return
    this.#missing.delete(number)
    missing.resolve()
  }
}

export interface Watching {
  /** Lets the watchers begin. */
  fillWatchers(): Promise<void>
  /** Writes something, and is over when every watcher has heard of it. */
  deliver(): Promise<void>
  close(): Promise<void>
}

export interface WritableWatching extends Watching {
  /** Writes something, whoever hears of it. */
  write(): Promise<void>
}

export function watchingHoldfast(client: Client, endpoint: string, watcherCount = watchersDefault): WritableWatching {
  const deliveries = new Deliveries(watcherCount)
  const watchers: Client[] = []
  const keys = client.keys<number>(state)
  let written = 0
  return {
    async fillWatchers() {
      await keys.set('n', 0)
      for (let count = 0; count < watcherCount; count += 1) {
        const watcher = await connect(endpoint)
        watchers.push(watcher)
        const watch = watcher.watch(state)
        for (let event = await watch.next(); event.value?.type !== 'ready'; event = await watch.next());
        const follow = async (): Promise<void> => {
          for await (const event of watch) if ('newValue' in event) deliveries.hear(event.newValue as number)
        }
        void follow()
      }
    },
    async deliver() {
      const { number, delivered } = deliveries.next()
      await Promise.all([keys.set('n', number), delivered])
    },
    async write() {
      written += 1
      await keys.set('n', written)
    },
    async close() {
      await Promise.all(watchers.map((watcher) => watcher.close()))
    },
  }
}

/** What is published is what a watcher of ours is told. */
export function watchingRedis(redis: Redis): Watching {
  const watcherCount = watchersDefault
  const deliveries = new Deliveries(watcherCount)
  const watchers: Redis[] = []
  return {
    async fillWatchers() {
      for (let count = 0; count < watcherCount; count += 1) {
        const watcher = redis.duplicate()
        watchers.push(watcher)
        await watcher.subscribe(state)
        watcher.on('message', (_channel: string, text: string) => {
          deliveries.hear((JSON.parse(text) as { new_value: number }).new_value)
        })
      }
    },
    async deliver() {
      const { number, delivered } = deliveries.next()
      const event = {
        version: number,
        type: 'updated',
        key: 'n',
        old_value: number - 1,
        new_value: number,
        at: Date.now(),
      }
      await Promise.all([redis.set('n', number), redis.publish(state, JSON.stringify(event)), delivered])
    },
    async close() {
      await Promise.all(watchers.map((watcher) => watcher.quit()))
    },
  }
}
