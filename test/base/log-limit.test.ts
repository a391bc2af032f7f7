// The bounded log: what it lets through, and what it says of the rest.
import { describe, expect, it } from 'vitest'
import type { LogFields } from '../../src/base/log.ts'
import { limitedLog } from '../../src/base/log-limit.ts'

function bounded() {
  const lines: (LogFields & { level: string })[] = []
  const wakes: (() => void)[] = []
  const to = (level: string) => (fields: LogFields) => void lines.push({ level, ...fields })
  const log = limitedLog({ info: to('info'), warn: to('warn'), error: to('error') }, (ms, wake) => {
    expect(ms).toBe(60_000)
    wakes.push(wake)
    return () => {}
  })
  return { log, lines, aMinuteLater: () => wakes.splice(0).forEach((wake) => wake()) }
}

describe('a limited log', () => {
  it('lets twenty lines of an event through in a minute, and says how many there were besides', () => {
    const { log, lines, aMinuteLater } = bounded()
    for (let count = 0; count < 50; count += 1) log.warn({ event: 'hook_failed', count }, 'a hook failed')
    expect(lines).toHaveLength(20)
    expect(lines.at(-1)).toEqual({ level: 'warn', event: 'hook_failed', count: 19 })
    aMinuteLater()
    expect(lines.slice(20)).toEqual([{ level: 'warn', event: 'hook_failed', suppressed: 30 }])
    log.warn({ event: 'hook_failed', count: 50 }, 'a hook failed')
    expect(lines.at(-1)).toEqual({ level: 'warn', event: 'hook_failed', count: 50 })
  })

  it('keeps events apart: a flood of one hides no other', () => {
    const { log, lines, aMinuteLater } = bounded()
    for (let count = 0; count < 50; count += 1) log.warn({ event: 'client_dropped' }, 'a client does not read')
    log.error({ event: 'shard_died', shard: 1 }, 'a shard died')
    expect(lines.at(-1)).toEqual({ level: 'error', event: 'shard_died', shard: 1 })
    aMinuteLater()
    expect(lines.filter(({ suppressed }) => suppressed !== undefined)).toHaveLength(1)
  })

  it('says nothing of what was not suppressed', () => {
    const { log, lines, aMinuteLater } = bounded()
    log.info({ event: 'serving' }, 'serving')
    aMinuteLater()
    expect(lines).toHaveLength(1)
  })
})
