// What time brings about by itself: keys that expire, and leases that end. Decided like a command, by the same rules.
import type { Change } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { KeyCell } from '../state/keyspace.ts'
import type { Context } from './decide.ts'
import { expired } from './key-rules.ts'
import { leaseEnded } from './lists.ts'

/** The next change that is due, or undefined if nothing is. */
export function nextDue(directory: Directory, context: Context): readonly Change[] | undefined {
  const { firstExpiry, firstLease } = directory
  const { wall, mono } = context.now
  if (firstExpiry !== undefined && firstExpiry.at <= wall) {
    const keyspace = firstExpiry.item
    const { key, contents } = (keyspace.keys.expiries.first() as { item: KeyCell }).item
    return [expired(keyspace, key, contents, keyspace.version + 1, wall)]
  }
  if (firstLease === undefined || firstLease.at > mono) return undefined
  const keyspace = firstLease.item
  const { key } = (keyspace.keys.leases.first() as { item: KeyCell }).item
  return leaseEnded(keyspace, key, context).changes
}
