// A wait that has an end, for those parts of the router that wait for shards. Owns nothing.
import type { WakeAfter } from '../base/clock.ts'

/** Whether `wait` called back within so many milliseconds; it returns how to give it up, which is done once they are over. */
export function within(wakeAfter: WakeAfter, ms: number, wait: (done: () => void) => () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const late = wakeAfter(ms, () => {
      giveUp()
      resolve(false)
    })
    const giveUp = wait(() => {
      late()
      resolve(true)
    })
  })
}
