// The queue against an array, over any sequence of what can be done to it.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Queue } from '../../src/base/queue.ts'

it('behaves as an array, however long it grows', () => {
  const pushes = fc.integer({ min: 1, max: 700 }).map((count) => ({ kind: 'push' as const, count }))
  const shifts = fc.integer({ min: 1, max: 700 }).map((count) => ({ kind: 'shift' as const, count }))
  const clear = fc.constant({ kind: 'clear' as const, count: 1 })
  const unshifts = fc.constant({ kind: 'unshift' as const, count: 3 })
  const removes = fc.constant({ kind: 'remove' as const, count: 1 })
  const steps = fc.array(
    fc.oneof({ weight: 4, arbitrary: pushes }, { weight: 4, arbitrary: shifts }, clear, unshifts, removes),
    {
      maxLength: 20,
    },
  )
  fc.assert(
    fc.property(steps, (sequence) => {
      const queue = new Queue<number>()
      let model: number[] = []
      let last = 0
      for (const { kind, count } of sequence) {
        for (let times = 0; times < count; times += 1) {
          if (kind === 'push') {
            last += 1
            queue.push(last)
            model.push(last)
          } else if (kind === 'shift') {
            expect(queue.shift()).toBe(model.shift())
          } else if (kind === 'unshift') {
            last += 2
            queue.unshift([last - 1, last])
            model.unshift(last - 1, last)
          } else if (kind === 'remove') {
            const even = model.some((item) => item % 2 === 0)
            expect(queue.remove((item) => item % 2 === 0)).toBe(even)
            model = model.filter((item) => item % 2 !== 0)
          } else {
            queue.clear()
            model = []
          }
        }
        expect(queue.length).toBe(model.length)
        expect(queue.first()).toBe(model[0])
      }
    }),
  )
})
