// Guesses at what somebody who mistyped a name may have meant: none is better than a wild one.
import { expect, it } from 'vitest'
import { nearest } from '../../src/base/nearest.ts'

const names = ['bind', 'metrics', 'shards', 'log-level']

it.each([
  ['shard', 'shards'],
  ['shrads', 'shards'],
  ['Metrics', 'metrics'],
  ['loglevel', 'log-level'],
  ['bnd', 'bind'],
])('takes %s for %s', (name, meant) => {
  expect(nearest(name, names)).toBe(meant)
})

it('prefers the closest', () => {
  expect(nearest('shard', ['shards', 'shard-a', 'shard'])).toBe('shard')
})

it.each(['', 'x', 'durability', 'band-width', 's'.repeat(100_000)])('does not guess at %s', (name) => {
  expect(nearest(name, names)).toBeUndefined()
})
