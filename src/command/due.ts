// What time brings about by itself: keys and locks that expire, leases that end, timers that fire. Owns nothing: reads the directory,
// answers with changes.
// Invariant: it is decided by the same rules as when a command meets it first.
import type { Change } from '../state/change.ts'
import type { Directory } from '../state/directory.ts'
import type { KeyCell } from '../state/keyspace.ts'
import type { InstanceCell } from '../state/machine-state.ts'
import type { Context } from './decide.ts'
import { timersFired } from './instance-rules.ts'
import { expired } from './key-rules.ts'
import { leaseEnded } from './lists.ts'
import { lockExpired } from './locks.ts'

/** The next changes that are due, or undefined if nothing is. Timers, which write, can be left for another time. */
export function nextDue(directory: Directory, context: Context, withTimers = true): readonly Change[] | undefined {
  const { firstExpiry, firstLease } = directory
  const firstTimer = withTimers ? directory.firstTimer : undefined
  const { wall, mono } = context.now
  if (firstExpiry !== undefined && firstExpiry.at <= wall) {
    const keyspace = firstExpiry.item
    const { key, contents } = (keyspace.keys.expiries.first() as { item: KeyCell }).item
    return [expired(keyspace, key, contents, keyspace.version + 1, wall)]
  }
  if (firstTimer !== undefined && firstTimer.at <= wall) {
    const machine = firstTimer.item
    return timersFired(machine, (machine.instances.deadlines.first() as { item: InstanceCell }).item, context).changes
  }
  const { firstDeadline: firstLock } = directory.locks
  if (firstLock !== undefined && firstLock.at <= mono) {
    return [lockExpired(directory.locks, firstLock.item.name, context)]
  }
  if (firstLease === undefined || firstLease.at > mono) return undefined
  const keyspace = firstLease.item
  const { key } = (keyspace.keys.leases.first() as { item: KeyCell }).item
  return leaseEnded(keyspace, key, context).changes
}
