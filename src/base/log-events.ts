// Every event that is logged, with what it means for whoever reads it. docs/logs.md has the same table. Names stay as they are:
// alerts and scripts of operators look for them.

export interface LogEventMeaning {
  readonly level: 'info' | 'warn' | 'error'
  readonly meaning: string
}

export const logEvents = {
  serving: { level: 'info', meaning: 'The daemon serves: where, with how many shards, which version.' },
  data_kept: { level: 'info', meaning: 'States are kept in the folder `data`, with this durability.' },
  nothing_kept: { level: 'info', meaning: 'Memory mode: nothing is kept when the process ends.' },
  stopping: { level: 'info', meaning: 'A signal came: what was read is answered, what comes now is refused.' },
  stopped: { level: 'info', meaning: 'All was answered, and the process ends.' },
  ended_at_once: { level: 'warn', meaning: 'A second signal ended the process before everything was answered.' },
  shard_still_reading: { level: 'info', meaning: 'A shard starts, and has read so many `rows` of what it had stored.' },
  shard_serves: { level: 'info', meaning: 'A shard that was down serves again.' },
  shard_died: {
    level: 'error',
    meaning: 'A shard died of `reason` and is started again; `last_command` is what it was at.',
  },
  shard_hung: { level: 'error', meaning: 'A shard made no progress, and its thread is ended.' },
  shard_quarantined: { level: 'error', meaning: 'A shard died too often and stays down until RELEASE_SHARD.' },
  shard_released: { level: 'info', meaning: 'RELEASE_SHARD lets a quarantined shard start again.' },
  shard_corrupt: {
    level: 'error',
    meaning: 'What a shard had stored is damaged, as `lost` says, and it does not serve.',
  },
  shard_not_started: { level: 'error', meaning: 'A shard could not be started, and is tried again.' },
  shard_stalled: { level: 'error', meaning: 'A shard waits for its disk, and is not ready.' },
  shard_goes_on: { level: 'info', meaning: 'A shard that waited for its disk goes on.' },
  shard_thread_failed: { level: 'warn', meaning: 'A thread ended between two lives of a shard.' },
  states_lost: { level: 'error', meaning: 'In memory mode a shard died, and its states are gone.' },
  storage_full: {
    level: 'warn',
    meaning: 'The disk of a shard is full: only reads and what frees space are admitted.',
  },
  storage_has_space: { level: 'info', meaning: 'There is space again, and writes are admitted.' },
  client_dropped: {
    level: 'warn',
    meaning: 'A client does not read its replies: what it asks for from now on is ignored.',
  },
  receive_failed: { level: 'error', meaning: 'A message could not be received from the socket.' },
  message_failed: { level: 'error', meaning: 'A message could not be handled; its client hears OUTCOME_UNKNOWN.' },
  large_message_failed: {
    level: 'warn',
    meaning: 'A large message could not be taken apart; its client hears OVERLOADED.',
  },
  parser_failed: { level: 'warn', meaning: 'A thread that takes large messages apart ended.' },
  reply_failed: { level: 'error', meaning: 'A reply could not be sent.' },
  subscription_failed: { level: 'error', meaning: 'A subscription to the feed could not be received.' },
  feed_message_failed: { level: 'error', meaning: 'A message of the feed could not be sent.' },
  metrics_failed: { level: 'error', meaning: 'A scrape could not be answered.' },
  metrics_connection_failed: { level: 'error', meaning: 'The metrics server could not take a connection.' },
  repartition_waits: { level: 'info', meaning: 'Before the data is spread anew, open transactions come to their end.' },
  repartition_begun: { level: 'info', meaning: 'The data is spread `from` one number of shards `to` another.' },
  repartition_goes_on: { level: 'info', meaning: 'The data is still being spread: so much of it is.' },
  repartition_done: { level: 'info', meaning: 'The data is spread over the new shards, so many `states` of it.' },
  backup_made: { level: 'info', meaning: 'A backup is complete and on the disk.' },
  backup_failed: { level: 'warn', meaning: 'A backup could not be made, for `reason`; nothing is left of it.' },
  hook_failed: { level: 'warn', meaning: 'A hook threw or rejected.' },
  hook_slow: { level: 'warn', meaning: 'A hook kept its shard for long.' },
  hook_not_called: { level: 'warn', meaning: 'A hook was not called, as too many of its promises are unfinished.' },
  hooks_unfinished: { level: 'warn', meaning: 'A shard stops, and promises of its hooks are unfinished.' },
  stray_rejection: { level: 'warn', meaning: 'An extension left a rejected promise behind.' },
} as const satisfies Record<string, LogEventMeaning>

export type LogEvent = keyof typeof logEvents
