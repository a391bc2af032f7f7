// The dashboard of what is kept: commits, the disk, and what makes writes safe to send again.
import { type DashboardSource, metric, quantile, rateBy } from './panels.ts'

const each = 'shard {{shard}}'

export const durability: DashboardSource = {
  uid: 'holdfast-durability',
  title: 'Holdfast / Durability',
  description: 'Commits, the disk, and what makes writes safe to send again.',
  rows: [
    {
      title: 'Commits',
      panels: [
        {
          title: 'Commits',
          description: 'Batches committed in a second. A batch is one commit, however many commands it holds.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_commits_total') },
        },
        {
          title: 'Time of a commit',
          description: 'All replies of a batch wait for its commit, those of reads too.',
          unit: 's',
          targets: {
            [`${each}, 50 %`]: quantile(0.5, 'shard', 'holdfast_commit_duration_seconds'),
            [`${each}, 99 %`]: quantile(0.99, 'shard', 'holdfast_commit_duration_seconds'),
          },
        },
        {
          title: 'Time on the disk, 99 %',
          description:
            'In which what was written is forced onto the disk: each commit in strict mode, twice a second in relaxed. Empty in memory mode.',
          unit: 's',
          targets: { [each]: quantile(0.99, 'shard', 'holdfast_sync_duration_seconds') },
        },
        {
          title: 'Forced onto the disk',
          description: 'How often that happens in a second.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_sync_duration_seconds_count') },
        },
        {
          title: 'Full disk',
          description: '1 while a shard admits only reads and what frees space.',
          unit: 'none',
          targets: { [each]: metric('holdfast_storage_full') },
        },
        {
          title: 'Writes the disk refused',
          description:
            'Commands refused with STORAGE_FULL or STORAGE_FAILED, and those of which nobody knows whether they ran.',
          unit: 'ops',
          targets: {
            '{{outcome}}': rateBy(
              'outcome',
              'holdfast_commands_total',
              'outcome=~"STORAGE_FULL|STORAGE_FAILED|OUTCOME_UNKNOWN"',
            ),
          },
        },
      ],
    },
    {
      title: 'Copies',
      panels: [
        {
          title: 'Snapshots',
          description: 'Snapshots that can be restored.',
          unit: 'short',
          targets: { [each]: metric('holdfast_snapshots') },
        },
        {
          title: 'Bytes of snapshots',
          description: 'What a shard stores for them, compressed.',
          unit: 'bytes',
          targets: { [each]: metric('holdfast_snapshot_bytes') },
        },
        {
          title: 'Snapshots made and restored',
          description: 'How often that came about, in a second.',
          unit: 'ops',
          targets: { '{{operation}}': rateBy('operation', 'holdfast_snapshot_duration_seconds_count') },
        },
        {
          title: 'Age of the last backup',
          description: 'Since the moment that it holds. Empty until this process has made one.',
          unit: 's',
          targets: { '{{instance}}': `time() - ${metric('holdfast_backup_last_timestamp_seconds')}` },
        },
        {
          title: 'Time of the last backup',
          description: 'How long it took.',
          unit: 's',
          targets: { '{{instance}}': metric('holdfast_backup_last_seconds') },
        },
        {
          title: 'Size of the last backup',
          description: 'What its databases take.',
          unit: 'bytes',
          targets: { '{{instance}}': metric('holdfast_backup_last_bytes') },
        },
        {
          title: 'Backups that failed',
          description: 'Backups that were asked for and could not be made, in a second. The log says why.',
          unit: 'ops',
          targets: { '{{instance}}': rateBy('instance', 'holdfast_backup_failures_total') },
        },
      ],
    },
    {
      title: 'Sent again',
      panels: [
        {
          title: 'Clients that are remembered',
          description: 'Clients whose write messages a shard remembers, so that none is run twice.',
          unit: 'short',
          targets: { [each]: metric('holdfast_retry_sessions') },
        },
        {
          title: 'Replies that are kept',
          description: 'Replies kept to be given again.',
          unit: 'short',
          targets: { [each]: metric('holdfast_replies_kept') },
        },
        {
          title: 'Answered from what is kept',
          description:
            'Writes that came again and were not run again, in a second. Many mean that replies get lost or come late.',
          unit: 'ops',
          targets: { [each]: rateBy('shard', 'holdfast_retries_answered_total') },
        },
      ],
    },
  ],
}
