// Every bound of the engine, with what it protects. Beyond a bound a request is refused with a code; nothing blocks the
// router and nothing is dropped silently. All can be changed in the configuration file under `limits`.

export interface Limits {
  readonly messageBytesMax: number
  readonly inlineParseBytesMax: number
  readonly replyBytesMax: number
  readonly commandsPerMessageMax: number
  readonly operationsPerTransactionMax: number
  readonly statesPerShardMax: number
  readonly deletedNamesPerShardMax: number
  readonly locksPerShardMax: number
  readonly freeLocksPerShardMax: number
  readonly changesLoggedPerShardMax: number
  readonly changeLogBytesPerShardMax: number
  readonly reserveBytesPerShard: number
  readonly snapshotsMax: number
  readonly recordBytesMax: number
  readonly recordFieldsMax: number
  readonly valueBytesMax: number
  readonly mailboxCommandsMax: number
  readonly mailboxBytesMax: number
  readonly requestsInFlightPerPeerMax: number
  readonly repliesQueuedPerPeerMax: number
  readonly replyBytesQueuedPerPeerMax: number
  readonly peersMax: number
  readonly waitersPerShardMax: number
  readonly sessionsPerShardMax: number
  readonly sessionIdleMs: number
  readonly keptReplyBytesPerShardMax: number
  readonly idempotencyKeysPerShardMax: number
  readonly idempotencyKeyMs: number
  readonly watchedStatesMax: number
  readonly requestDeadlineMs: number
  readonly shardSilenceMsMax: number
  readonly shardHeapMegabytesMax: number
  readonly shardDeathsMax: number
  readonly shardDeathsWindowMs: number
}

export const defaultLimits: Limits = {
  // One request is held in memory whole, in the router and again in a shard.
  messageBytesMax: 16 * 1024 * 1024,
  // A larger plain message is parsed off the router's thread: at 64 KiB the parse takes about half a millisecond.
  inlineParseBytesMax: 64 * 1024,
  // A reply is assembled in memory before it leaves; a reader of more pages with `limit`.
  replyBytesMax: 64 * 1024 * 1024,
  // Bounds what one message can make a shard do between two looks at its mailbox.
  commandsPerMessageMax: 1_000,
  // A transaction is decided in one go, and its states are held meanwhile.
  operationsPerTransactionMax: 1_000,
  // Names cost memory even when their states are empty; the bound stops a storm of new states.
  statesPerShardMax: 100_000,
  // Versions of deleted names, so that a re-created state never repeats one; older names raise the shard's floor.
  deletedNamesPerShardMax: 100_000,
  // Locks that are held: each costs memory, and a row, until it is released or its time is over.
  locksPerShardMax: 100_000,
  // Free locks whose newest token is still known, so that it stays good; older ones raise the shard's floor of tokens.
  freeLocksPerShardMax: 100_000,
  // The change log is kept to resume from; it shares the disk with what it tells of, so it goes by age and by bytes.
  changesLoggedPerShardMax: 100_000,
  changeLogBytesPerShardMax: 64 * 1024 * 1024,
  // What a shard keeps of the disk to give up when that is full, so that deletes find room: twice what its write-ahead
  // file holds when it is copied into the database, as the copy has to be possible still.
  reserveBytesPerShard: 8 * 1024 * 1024,
  // Each snapshot takes room beside what stands; of more than this the oldest goes.
  snapshotsMax: 10,
  // A record travels whole in every change and event.
  recordBytesMax: 256 * 1024,
  // Beyond this V8 keeps an object as a hash table, and a schema message is no longer readable.
  recordFieldsMax: 1_024,
  // The value of a key, or one item of a list, travels whole in every change and event.
  valueBytesMax: 1024 * 1024,
  // What a shard may have before it: at about a microsecond a command, a full mailbox is a wait of some 100 ms.
  mailboxCommandsMax: 100_000,
  mailboxBytesMax: 256 * 1024 * 1024,
  // One client cannot fill the mailboxes alone.
  requestsInFlightPerPeerMax: 10_000,
  // A client that stops reading costs a fixed amount, however long it stays connected.
  repliesQueuedPerPeerMax: 10_000,
  replyBytesQueuedPerPeerMax: 64 * 1024 * 1024,
  // Each connected client costs a socket, buffers and an entry here.
  peersMax: 10_000,
  // Each caller that waits holds its request and a place in a queue.
  waitersPerShardMax: 10_000,
  // A client that writes is remembered, with the replies that it may not have got, for as long as it may ask again.
  sessionsPerShardMax: 100_000,
  sessionIdleMs: 600_000,
  keptReplyBytesPerShardMax: 64 * 1024 * 1024,
  // A command that comes again under its key is answered for so long; keys leave by age only.
  idempotencyKeysPerShardMax: 100_000,
  idempotencyKeyMs: 600_000,
  // Each state that is watched costs a place here and in its shard, and a small message every second.
  watchedStatesMax: 100_000,
  // A caller hears OUTCOME_UNKNOWN rather than nothing when a shard takes longer than this.
  requestDeadlineMs: 60_000,
  // A shard that made no progress for so long is hung: its thread is ended and started anew.
  shardSilenceMsMax: 10_000,
  // A runaway state ends its own shard with out-of-memory instead of the whole process.
  shardHeapMegabytesMax: 4_096,
  // So many deaths within the window are no accident: to start the shard again and again would only repeat what ends it.
  shardDeathsMax: 3,
  shardDeathsWindowMs: 60_000,
}
