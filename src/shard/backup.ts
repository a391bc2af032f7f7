// What a shard does for a backup at the moment of a cut: it has its journal begin to copy what is committed, and answers when
// that is done. Owns nothing.
// Invariant: a copy goes on only while its folder is there, so that whoever takes the folder away ends it.
import { existsSync } from 'node:fs'
import { databaseFile } from '../journal/folder.ts'
import type { Journal } from '../journal/journal.ts'
import { refusal, refusalReply } from '../protocol/errors.ts'
import type { JsonObject } from '../protocol/value.ts'
import type { OnCut } from './cuts.ts'

/** The part of a cut that is called `backup`; its body names the `folder`. */
export function backupCut(shard: number, journal: Journal): OnCut {
  return ({ folder }, _moment, answer) => {
    const path = folder as string
    if (journal.copy === undefined) {
      return answer(refusalReply(refusal('UNSUPPORTED', { what: 'a backup of what is kept in memory only' })))
    }
    // Where the disk is full the write-ahead file has to be copied, which a pinned moment would be in the way of.
    const goesOn = (): boolean => journal.isFull !== true && existsSync(path)
    void journal.copy(databaseFile(path, shard), goesOn).then((outcome) => {
      if (outcome.outcome === 'copied') answer({ status: 'ok', bytes: outcome.bytes })
      else answer(refusedWith(outcome, journal.isFull === true))
    })
  }
}

function refusedWith(
  outcome: Exclude<Awaited<ReturnType<NonNullable<Journal['copy']>>>, { outcome: 'copied' }>,
  isFull: boolean,
): JsonObject {
  if (outcome.outcome === 'stopped')
    return refusalReply(isFull ? refusal('STORAGE_FULL', {}) : refusal('SHUTTING_DOWN', {}))
  if (outcome.code === 'STORAGE_FULL') return refusalReply(refusal('STORAGE_FULL', {}))
  return refusalReply(refusal('STORAGE_FAILED', { reason: outcome.reason }))
}
