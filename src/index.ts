// What a program of one's own may use of Holdfast: the engine, embedded, and the words of its refusals.
export type { Durability } from './base/durability.ts'
export type { Limits } from './base/limits.ts'
export type { Log } from './base/log.ts'
export { type Engine, type EngineOptions, openEngine } from './engine.ts'
export { type ErrorCode, isErrorCode, isRetryable, mayHaveRun } from './protocol/errors.ts'
export type { JsonObject, JsonValue } from './protocol/value.ts'
