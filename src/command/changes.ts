// GET_CHANGES: what happened to a state after a version that the caller has seen, or a wait until something does. Owns
// nothing: reads the shard's newest changes. A name may be watched before its state exists and after it is gone.
import { shownChange } from '../state/logged-change.ts'
import { type Deciders, done, refuse } from './decide.ts'

const changesMaxDefault = 1_000
/** A reply of more would keep the shard for long; the caller asks again from where it ends. */
const changesMax = 10_000
const bytesMax = 4 * 1024 * 1024
/** Some hundred microseconds, where a prefix fits nothing. */
const scannedMax = 10_000

export const changeCommands: Deciders<'GET_CHANGES'> = {
  GET_CHANGES(directory, { since, prefix = '', limit = changesMaxDefault, wait = 0 }, { state, now, recent }) {
    const found = directory.get(state)
    // Of a name without a state: the version of its last change, and the one that it is shown with, where it would begin.
    const last = found?.version ?? directory.firstVersionOf(state) - 1
    const shown = found?.version ?? last + 1
    if (since > shown) return refuse('VERSION_CONFLICT', { expected: since, found: shown })
    const oldest = recent.oldestOf(state) ?? last + 1
    if (since < oldest - 1) return refuse('COMPACTED', { state, since, oldest, version: Math.max(last, 0) })
    const bounds = { prefix, changesMax: Math.min(limit, changesMax), bytesMax, scannedMax }
    const { changes, scannedTo = since } = recent.read(state, since, bounds)
    if (changes.length === 0 && scannedTo >= last && wait > 0) {
      const deadline = now.mono + wait * 1000
      return { outcome: 'park', awaits: 'change', key: prefix, deadline, reply: { changes: [], scanned_to: scannedTo } }
    }
    return done({ changes: changes.map(shownChange), scanned_to: scannedTo })
  },
}
