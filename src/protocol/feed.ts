// What is on the feed of changes: a topic for each state, and bodies in JSON, so that a subscriber in any language can read
// them. Shards make the bodies, the router says from which instance they come, clients read both.
//
//     topic   the name of the state, and a NUL
//     body    {"instance":17,"state":"leads","first":8,"last":9,"changes":[…]}   what a commit has changed
//             {"instance":17,"state":"leads","position":9}                       nothing has happened after this version
import { nameProblem } from './names.ts'
import type { JsonObject } from './value.ts'

/** What a shard says about a state. `last` is the version that it stands at; the body lacks its instance. */
export type FeedMessage = readonly [state: string, last: number, body: string]

/** A message of more is not sent: its subscribers are told where the state stands, and ask. Bounds what a slow one costs. */
export const feedMessageBytesMax = 256 * 1024

export function topicOf(state: string): string {
  return `${state}\0`
}

/** The state that a subscription is for; undefined for one that is for none, or for many. */
export function stateOfTopic(topic: Buffer): string | undefined {
  const text = topic.toString()
  // Text that is not well formed would name another state than its bytes do.
  if (!text.endsWith('\0') || !Buffer.from(text).equals(topic)) return undefined
  const state = text.slice(0, -1)
  return nameProblem(state) === undefined ? state : undefined
}

export function positionBody(state: string, position: number): string {
  return JSON.stringify({ state, position })
}

export function changesBody(state: string, first: number, last: number, changes: readonly JsonObject[]): string {
  return JSON.stringify({ state, first, last, changes: changes as JsonObject[] })
}

export function withInstance(body: string, instance: number): string {
  return `{"instance":${instance},${body.slice(1)}`
}
