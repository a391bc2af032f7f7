// The metrics of backups. See definitions.ts, which joins them to the others.
import { type MetricDefinition, type Reading, type Sample, unlabelled } from '../reading.ts'

/** There is nothing to say of the last one before there was one. */
function ofLast(value: (backups: Reading['backups']) => number) {
  return ({ backups }: Reading): Sample<number>[] => (backups.at === 0 ? [] : unlabelled(value(backups)))
}

export const backupMetrics: readonly MetricDefinition[] = [
  {
    name: 'holdfast_backup_last_timestamp_seconds',
    type: 'gauge',
    help: 'The moment that the last backup holds, in seconds since 1970; nothing before the first one of this process.',
    labels: [],
    samples: ofLast(({ at }) => at),
  },
  {
    name: 'holdfast_backup_last_seconds',
    type: 'gauge',
    help: 'How long the last backup took.',
    labels: [],
    samples: ofLast(({ seconds }) => seconds),
  },
  {
    name: 'holdfast_backup_last_bytes',
    type: 'gauge',
    help: 'How many bytes the databases of the last backup have.',
    labels: [],
    samples: ofLast(({ bytes }) => bytes),
  },
  {
    name: 'holdfast_backup_failures_total',
    type: 'counter',
    help: 'Backups that were asked for and could not be made.',
    labels: [],
    samples: ({ backups }) => unlabelled(backups.failures),
  },
]
