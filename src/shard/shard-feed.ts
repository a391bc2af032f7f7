// What a shard publishes: of each state that somebody watches, what a commit has changed, after it. Of the others nothing
// is made and nothing is kept. Owned by one life of a shard; the router says what is watched.
// Invariant: what is published of a state follows what was published of it before, and is committed.
import { changesBody, type FeedMessage, feedMessageBytesMax, positionBody } from '../protocol/feed.ts'
import type { Change } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import { shownChange } from '../state/logged-change.ts'
import type { RecentChanges } from '../state/recent-changes.ts'

export interface ShardFeedOptions {
  readonly directory: Directory
  readonly recent: RecentChanges
  readonly publish: (messages: readonly FeedMessage[]) => void
}

const bounds = { prefix: '', changesMax: 10_000, scannedMax: 10_000, bytesMax: feedMessageBytesMax }

export class ShardFeed {
  readonly #options: ShardFeedOptions
  /** By state: the last version that was published; undefined for one that is watched from now on. */
  readonly #watched = new Map<string, number | undefined>()
  /** Those that nothing was published of since they are watched: thousands may come one by one, so nobody looks for them. */
  readonly #new = new Set<string>()

  constructor(options: ShardFeedOptions) {
    this.#options = options
  }

  /** From now on what happens to a state is published, and first of all where it stands; or nothing more of it is. */
  follow(state: string, isWatched: boolean): void {
    if (isWatched) {
      this.#watched.set(state, undefined)
      this.#new.add(state)
    } else {
      this.#watched.delete(state)
      this.#new.delete(state)
    }
  }

  /** The changes are committed: tells those who watch. */
  publish(changes: readonly Change[]): void {
    if (this.#watched.size === 0 || (changes.length === 0 && this.#new.size === 0)) return
    const messages: FeedMessage[] = []
    for (const state of statesOf(changes)) if (this.#watched.has(state)) this.#tell(state, messages)
    for (const state of this.#new) this.#tell(state, messages)
    this.#new.clear()
    if (messages.length > 0) this.#options.publish(messages)
  }

  #tell(state: string, messages: FeedMessage[]): void {
    const { directory, recent } = this.#options
    const published = this.#watched.get(state)
    const last = directory.get(state)?.version ?? directory.firstVersionOf(state) - 1
    if (published === last) return
    this.#watched.set(state, last)
    const body = published === undefined ? undefined : bodyOf(state, published, last, recent)
    messages.push([state, last, body ?? positionBody(state, last)])
  }
}

function statesOf(changes: readonly Change[]): Set<string> {
  return new Set(changes.flatMap((change) => (change.subject === 'lock' ? [] : change.state)))
}

/** Undefined where it would be too long, or not be all. */
function bodyOf(state: string, published: number, last: number, recent: RecentChanges): string | undefined {
  const { changes, scannedTo } = recent.read(state, published, bounds)
  const [first] = changes
  if (first === undefined || scannedTo !== last || first.version !== published + 1) return undefined
  const body = changesBody(state, first.version, last, changes.map(shownChange))
  return body.length <= feedMessageBytesMax ? body : undefined
}
