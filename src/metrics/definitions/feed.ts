// The metrics of watches: what shards can still tell, and what the feed has told. See definitions.ts, which joins them to the
// others.
import { feedCounter, feedGauge, fromFeed, type MetricDefinition, shardCounter, shardGauge } from '../reading.ts'

export const feedMetrics: readonly MetricDefinition[] = [
  shardGauge(
    'holdfast_changes_kept',
    'Changes that a shard can still tell to whoever asks for them.',
    ({ changesKept }) => changesKept,
  ),
  shardGauge(
    'holdfast_changes_kept_bytes',
    'About how many bytes the changes that a shard keeps take, and what they refer to.',
    ({ changeBytesKept }) => changeBytesKept,
  ),
  shardCounter(
    'holdfast_gaps_closed_total',
    'Replies to GET_CHANGES that told of changes: who asks had not heard of them on the feed, or does not use it.',
    ({ gapsClosed }) => gapsClosed,
  ),
  shardCounter(
    'holdfast_changes_told_total',
    'Changes that replies to GET_CHANGES told of.',
    ({ changesTold }) => changesTold,
  ),
  feedGauge('holdfast_feed_subscribers', 'Connections to the feed of changes.', ({ subscribers }) => subscribers),
  feedGauge(
    'holdfast_feed_states',
    'States that somebody has subscribed to on the feed of changes.',
    ({ watchedStates }) => watchedStates,
  ),
  feedCounter(
    'holdfast_feed_messages_total',
    'Messages on the feed of changes, each counted once, however many have subscribed.',
    ({ messages }) => messages,
  ),
  feedCounter(
    'holdfast_feed_positions_total',
    'Those of them that say only where a state stands, as they do every second.',
    ({ positions }) => positions,
  ),
  feedCounter(
    'holdfast_feed_bytes_total',
    'About how many bytes the messages on the feed of changes had.',
    ({ bytes }) => bytes,
  ),
  feedGauge(
    'holdfast_feed_messages_queued',
    'Messages that wait until the feed of changes can send them.',
    ({ messagesQueued }) => messagesQueued,
  ),
  {
    name: 'holdfast_feed_lag_seconds',
    type: 'histogram',
    help: 'Time from the commit of changes to when the feed had them.',
    labels: [],
    samples: fromFeed(({ lagSeconds }) => lagSeconds),
  },
  feedCounter(
    'holdfast_feed_subscriptions_refused_total',
    'Subscriptions to states that are not published, as too many others are.',
    ({ refused }) => refused,
  ),
]
