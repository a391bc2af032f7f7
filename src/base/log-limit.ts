// A log that cannot be flooded: of each event at most so many lines a minute, and then one line that says how many there were
// besides. Wraps the log of the daemon.
import type { WakeAfter } from './clock.ts'
import { systemWakeAfter } from './clock.ts'
import type { Log, LogEvent, LogFields } from './log.ts'

const linesPerMinuteMax = 20
const minuteMs = 60_000

interface Minute {
  lines: number
  suppressed: number
}

export function limitedLog(log: Log, wakeAfter: WakeAfter = systemWakeAfter): Log {
  /** The events that were logged within this minute of theirs. */
  const minutes = new Map<LogEvent, Minute>()
  const say =
    (level: keyof Log) =>
    (fields: LogFields, message: string): void => {
      const { event } = fields
      const minute = minutes.get(event)
      if (minute === undefined) {
        minutes.set(event, { lines: 1, suppressed: 0 })
        wakeAfter(minuteMs, () => end(level, event))
      } else if (minute.lines < linesPerMinuteMax) minute.lines += 1
      else {
        minute.suppressed += 1
        return
      }
      log[level](fields, message)
    }
  const end = (level: keyof Log, event: LogEvent): void => {
    const { suppressed = 0 } = minutes.get(event) ?? {}
    minutes.delete(event)
    if (suppressed > 0) log[level]({ event, suppressed }, 'the same happened more often than is logged in a minute')
  }
  return { info: say('info'), warn: say('warn'), error: say('error') }
}
