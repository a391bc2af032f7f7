// The dashboard of what clients agree on by way of the engine: locks, queues, and watches.
import { type DashboardSource, metric, quantile, rate, rateBy } from './panels.ts'

const each = 'shard {{shard}}'

export const coordination: DashboardSource = {
  uid: 'holdfast-coordination',
  title: 'Holdfast / Coordination',
  description: 'Locks, queues, and watches.',
  rows: [
    {
      title: 'Locks',
      panels: [
        {
          title: 'Held',
          description: 'Locks that are held.',
          unit: 'short',
          targets: { [each]: metric('holdfast_locks') },
        },
        {
          title: 'Waiters',
          description: 'Commands that wait for a lock. LIST_LOCKS says for which.',
          unit: 'short',
          targets: { [each]: metric('holdfast_lock_waiters') },
        },
        {
          title: 'Wait for a lock, 99 %',
          description: 'How long commands waited until they were answered, with the lock or without.',
          unit: 's',
          targets: { locks: quantile(0.99, '', 'holdfast_wait_duration_seconds', 'awaited="lock"') },
        },
        {
          title: 'Grants',
          description: 'Locks granted in a second.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_lock_grants_total') },
        },
        {
          title: 'Locks that ran out',
          description:
            'Locks that were not released before their time was over, in a second: their holders died, or took longer than they had said.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_lock_expiries_total') },
        },
        {
          title: 'Fenced writes',
          description:
            'Writes refused because a newer token was granted: what a fence is for, and a sign of holders that go on too long.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_fenced_total') },
        },
      ],
    },
    {
      title: 'Queues',
      panels: [
        {
          title: 'On a lease',
          description: 'Items that were popped on a lease, and are neither acknowledged nor back.',
          unit: 'short',
          targets: { [each]: metric('holdfast_pending_items') },
        },
        {
          title: 'Leased and returned',
          description:
            'Items popped on a lease, and items that came back because the lease was over or they were returned, in a second.',
          unit: 'ops',
          targets: {
            leased: `sum(${rate('holdfast_items_leased_total')})`,
            returned: `sum(${rate('holdfast_items_returned_total')})`,
          },
        },
        {
          title: 'Who waits',
          description: 'Commands that wait for something to come to their key, for a lock, or for changes.',
          unit: 'short',
          targets: { [each]: metric('holdfast_waiters') },
        },
        {
          title: 'Waits, 99 %',
          description: 'How long commands waited by their own wish, by what for.',
          unit: 's',
          targets: { '{{awaited}}': quantile(0.99, 'awaited', 'holdfast_wait_duration_seconds') },
        },
      ],
    },
    {
      title: 'Watches',
      panels: [
        {
          title: 'Subscribers',
          description: 'Connections to the feed of changes.',
          unit: 'short',
          targets: { '{{instance}}': metric('holdfast_feed_subscribers') },
        },
        {
          title: 'States that are watched',
          description: 'States that somebody has subscribed to.',
          unit: 'short',
          targets: { '{{instance}}': metric('holdfast_feed_states') },
        },
        {
          title: 'Messages of the feed',
          description:
            'Each counted once, however many have subscribed; positions are said every second for each state that is watched.',
          unit: 'cps',
          targets: {
            all: `sum(${rate('holdfast_feed_messages_total')})`,
            positions: `sum(${rate('holdfast_feed_positions_total')})`,
          },
        },
        {
          title: 'Traffic of the feed',
          description: 'About how many bytes the messages have, each counted once.',
          unit: 'Bps',
          targets: { '{{instance}}': rate('holdfast_feed_bytes_total') },
        },
        {
          title: 'Lag of the feed, 99 %',
          description: 'From the commit of changes to when the feed had them.',
          unit: 's',
          targets: { feed: quantile(0.99, '', 'holdfast_feed_lag_seconds') },
        },
        {
          title: 'Waiting to be sent',
          description: 'Messages that wait until the feed can send them.',
          unit: 'short',
          targets: { '{{instance}}': metric('holdfast_feed_messages_queued') },
        },
        {
          title: 'Gaps closed',
          description:
            'Replies to GET_CHANGES that told of changes, in a second: watchers that missed messages of the feed, or do not use it.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_gaps_closed_total') },
        },
        {
          title: 'Changes told again',
          description: 'Changes that these replies told of, in a second.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_changes_told_total') },
        },
        {
          title: 'Lost watchers',
          description:
            'GET_CHANGES refused with COMPACTED: the watcher is behind what is kept and has to read everything anew.',
          unit: 'ops',
          targets: {
            compacted: `sum(${rate('holdfast_commands_total', 'command="GET_CHANGES", outcome="COMPACTED"')}) or vector(0)`,
            'not published': `sum(${rate('holdfast_feed_subscriptions_refused_total')})`,
          },
        },
        {
          title: 'Changes kept',
          description: 'Changes that a shard can still tell.',
          unit: 'short',
          targets: { [each]: metric('holdfast_changes_kept') },
        },
        {
          title: 'Bytes of the changes kept',
          description: 'About how many bytes they take, and what they refer to.',
          unit: 'bytes',
          targets: { [each]: metric('holdfast_changes_kept_bytes') },
        },
      ],
    },
  ],
}
