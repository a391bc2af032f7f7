// How far a long job has come: a bar on a terminal, lines elsewhere, and nothing when it shall be quiet.
import { describe, expect, it } from 'vitest'
import { Meter, shownCounts } from '../../src/cli/meter.ts'

function meterWith(more: { isTTY?: boolean; isQuiet?: boolean; share?: number }) {
  const { isTTY = true, isQuiet = false } = more
  const state = { now: 0, share: more.share, said: '' }
  const output = { isTTY, write: (text: string) => ((state.said += text), true) } as unknown as NodeJS.WriteStream
  const meter = new Meter({ output, isQuiet, unit: 'rows', share: () => state.share, now: () => state.now })
  return { meter, state }
}

describe('a meter', () => {
  it('draws a bar over itself, with the rate and the time that is left', () => {
    const { meter, state } = meterWith({ share: 0 })
    meter.notice(0)
    state.now = 10_000
    state.share = 0.25
    meter.notice(25_000)
    expect(state.said).toBe('\r\u001b[K[######------------------]  25%  25,000 rows  2,500/s  0:30 left')
    meter.say('line 7: no')
    expect(state.said.endsWith('\r\u001b[Kline 7: no\n')).toBe(true)
  })

  it('counts the time that is left from where it began', () => {
    const { meter, state } = meterWith({ share: 0.5 })
    meter.notice(0)
    state.now = 7_200_000
    state.share = 0.75
    meter.notice(10)
    expect(state.said).toMatch(/2:00:00 left$/)
  })

  it('writes a line every few seconds where there is no terminal', () => {
    const { meter, state } = meterWith({ isTTY: false })
    for (let second = 0; second <= 11; second += 1) {
      state.now = second * 1_000
      meter.notice(second * 10)
    }
    meter.end()
    expect(state.said).toBe('50 rows  10/s\n100 rows  10/s\n')
  })

  it('shows nothing when it shall be quiet but what it is told to say', () => {
    const { meter, state } = meterWith({ isQuiet: true })
    state.now = 60_000
    meter.notice(5)
    meter.say('no')
    expect(state.said).toBe('no\n')
  })
})

describe('counts in words', () => {
  it.each([
    [{ record: 1, key: 2_000, instance: 0 }, '1 record and 2,000 keys'],
    [{ record: 0 }, 'nothing'],
    [{ record: 3, key: 1, instance: 2 }, '3 records, 1 key and 2 instances'],
  ])('%j', (counts, words) => {
    expect(shownCounts(counts)).toBe(words)
  })
})
