// Records as Redis has them: hashes of text, so small that it keeps them as listpacks, its most compact form.
import { leadOf } from '../support/workload.ts'

/** Calls that are in flight while Redis is filled. */
export const fillingAtATime = 4_096

export function keyOf(id: number): string {
  return `lead:${id}`
}

/** What HGETALL gives for a lead: Redis knows nothing but text. */
export function textsOf(id: number): Record<string, string> {
  return Object.fromEntries(Object.entries(leadOf(id)).map(([field, value]) => [field, String(value)]))
}

/** Keys by id, made beforehand, which spares Redis's clients the work. */
export function keysOf(count: number): string[] {
  return Array.from({ length: count + 1 }, (_, id) => keyOf(id))
}
