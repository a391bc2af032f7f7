// The metrics of watches: what shards can still tell, and what the feed has told. See definitions.ts, which joins them to the
// others.
import { fromFeed, fromStatistics, type MetricDefinition } from './reading.ts'

export const watchMetrics: readonly MetricDefinition[] = [
  {
    name: 'holdfast_changes_kept',
    type: 'gauge',
    help: 'Changes that a shard can still tell to whoever asks for them.',
    labels: ['shard'],
    samples: fromStatistics(({ changesKept }) => changesKept),
  },
  {
    name: 'holdfast_changes_kept_bytes',
    type: 'gauge',
    help: 'About how many bytes the changes that a shard keeps take, and what they refer to.',
    labels: ['shard'],
    samples: fromStatistics(({ changeBytesKept }) => changeBytesKept),
  },
  {
    name: 'holdfast_feed_states',
    type: 'gauge',
    help: 'States that somebody has subscribed to on the feed of changes.',
    labels: [],
    samples: fromFeed(({ watchedStates }) => watchedStates),
  },
  {
    name: 'holdfast_feed_messages_total',
    type: 'counter',
    help: 'Messages on the feed of changes, each counted once, however many have subscribed.',
    labels: [],
    samples: fromFeed(({ messages }) => messages),
  },
  {
    name: 'holdfast_feed_bytes_total',
    type: 'counter',
    help: 'About how many bytes the messages on the feed of changes had.',
    labels: [],
    samples: fromFeed(({ bytes }) => bytes),
  },
  {
    name: 'holdfast_feed_subscriptions_refused_total',
    type: 'counter',
    help: 'Subscriptions to states that are not published, as too many others are.',
    labels: [],
    samples: fromFeed(({ refused }) => refused),
  },
]
