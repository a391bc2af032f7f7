// The metrics of the front end: its clients, their messages, and replies that reach nobody. See definitions.ts, which joins them
// to the others.
import { frontEndCounter, frontEndGauge, type MetricDefinition } from '../reading.ts'

export const clientMetrics: readonly MetricDefinition[] = [
  frontEndGauge('holdfast_peers', 'Clients that are connected and have sent something.', ({ peers }) => peers),
  frontEndCounter(
    'holdfast_messages_received_total',
    'Messages received from clients.',
    ({ messagesReceived }) => messagesReceived,
  ),
  frontEndCounter(
    'holdfast_received_bytes_total',
    'Bytes of the messages received from clients.',
    ({ bytesReceived }) => bytesReceived,
  ),
  frontEndCounter(
    'holdfast_messages_refused_total',
    'Messages that were refused as a whole, before any of their commands was looked at.',
    ({ messagesRefused }) => messagesRefused,
  ),
  frontEndCounter(
    'holdfast_requests_ignored_total',
    'Requests that were neither run nor answered, because their client does not read its replies.',
    ({ requestsIgnored }) => requestsIgnored,
  ),
  frontEndGauge(
    'holdfast_large_messages',
    'Messages that are being parsed outside of the main thread.',
    ({ largeMessages }) => largeMessages,
  ),
  frontEndCounter('holdfast_replies_sent_total', 'Replies sent to clients.', ({ repliesSent }) => repliesSent),
  frontEndCounter('holdfast_sent_bytes_total', 'Bytes of the replies sent to clients.', ({ bytesSent }) => bytesSent),
  frontEndGauge(
    'holdfast_replies_queued',
    'Replies that wait because their client does not read.',
    ({ repliesQueued }) => repliesQueued,
  ),
  frontEndGauge(
    'holdfast_replies_queued_bytes',
    'Bytes of the replies that wait because their client does not read.',
    ({ replyBytesQueued }) => replyBytesQueued,
  ),
  {
    name: 'holdfast_replies_dropped_total',
    type: 'counter',
    help: 'Replies that reached nobody: the client was gone, or did not read until its queue was full.',
    labels: ['reason'],
    samples: ({ frontEnd }) =>
      Object.entries(frontEnd?.repliesDropped ?? {}).map(([reason, value]) => ({ labels: { reason }, value })),
  },
]
