// Every file of this folder that is generated, with its contents. test/grafana/generated.test.ts holds the committed files to
// them, and writes them anew when it is told to.
import type { Alert } from './alerts.ts'
import { alerts, recordings } from './alerts.ts'
import { coordination } from './coordination.ts'
import { durability } from './durability.ts'
import { overview } from './overview.ts'
import { dashboardOf } from './panels.ts'
import { shards } from './shards.ts'

const generatedNote =
  '# Generated from grafana/source: HOLDFAST_UPDATE_GRAFANA=1 npm test -- test/grafana/generated.test.ts'
const alertLabels = { job: 'holdfast', instance: 'here' }

/** By path from the root of the tree. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const source of [overview, shards, durability, coordination]) {
    files.set(`grafana/dashboards/${source.uid}.json`, `${JSON.stringify(dashboardOf(source), null, 2)}\n`)
  }
  files.set('grafana/prometheus/rules/alerts.yml', alertRules())
  files.set('grafana/prometheus/rules/recordings.yml', recordingRules())
  files.set('grafana/prometheus/tests/alerts.yml', ruleTests())
  return files
}

/** The page that says what an alert means and what to do. */
export function runbookOf({ name }: Pick<Alert, 'name'>): string {
  return `docs/runbooks/${name}.md`
}

function alertRules(): string {
  const rules = alerts.map((alert) => [
    `      - alert: ${alert.name}`,
    `        expr: ${quoted(alert.expression)}`,
    `        for: ${alert.lasting}`,
    '        labels:',
    `          severity: ${alert.severity}`,
    '        annotations:',
    `          summary: ${quoted(alert.summary)}`,
    `          runbook_url: ${quoted(runbookOf(alert))}`,
  ])
  return lines(generatedNote, 'groups:', '  - name: holdfast-alerts', '    rules:', ...rules.flat())
}

function recordingRules(): string {
  const rules = recordings.map(({ name, expression }) => [
    `      - record: ${name}`,
    `        expr: ${quoted(expression)}`,
  ])
  return lines(generatedNote, 'groups:', '  - name: holdfast-recordings', '    rules:', ...rules.flat())
}

/** Each alert fires on its example, with its summary and its page, and is silent where there is nothing. */
function ruleTests(): string {
  const tests = alerts.map((alert) => {
    const { name, example, labels = {}, severity, summary } = alert
    const all = { ...alertLabels, ...labels }
    const series = Object.entries(example).map(([series, values]) => [
      `      - series: ${quoted(withLabels(series))}`,
      `        values: ${quoted(values)}`,
    ])
    return [
      `  - name: ${name}`,
      '    interval: 1m',
      '    input_series:',
      ...series.flat(),
      '    alert_rule_test:',
      '      - eval_time: 20m',
      `        alertname: ${name}`,
      '        exp_alerts:',
      `          - exp_labels: ${JSON.stringify({ severity, ...all })}`,
      `            exp_annotations: ${JSON.stringify({ summary: filledIn(summary, all), runbook_url: runbookOf(alert) })}`,
    ]
  })
  const silence = alerts.map(({ name }) => [
    '      - eval_time: 20m',
    `        alertname: ${name}`,
    '        exp_alerts: []',
  ])
  return lines(
    generatedNote,
    'rule_files: [../rules/alerts.yml, ../rules/recordings.yml]',
    'evaluation_interval: 1m',
    'tests:',
    ...tests.flat(),
    '  - name: nothing fires while all is well',
    '    interval: 1m',
    '    input_series:',
    ...wellSeries.flatMap(([series, values]) => [
      `      - series: ${quoted(withLabels(series))}`,
      `        values: ${quoted(values)}`,
    ]),
    '    alert_rule_test:',
    ...silence.flat(),
  )
}

const wellSeries: readonly (readonly [series: string, values: string])[] = [
  ['up', '1x30'],
  ['holdfast_ready', '1x30'],
  ['holdfast_shard_up{shard="0"}', '1x30'],
  ['holdfast_shard_condition{shard="0", condition="corrupt"}', '0x30'],
  ['holdfast_shard_condition{shard="0", condition="quarantined"}', '0x30'],
  ['holdfast_shard_deaths_total{shard="0", reason="failed"}', '3x30'],
  ['holdfast_state_losses_total', '3x30'],
  ['holdfast_storage_full{shard="0"}', '0x30'],
  ['holdfast_commands_total{command="SET_KEY", outcome="ok"}', '0+100x30'],
  ['holdfast_commands_total{command="SET_KEY", outcome="OVERLOADED"}', '5x30'],
  ['holdfast_mailbox_depth{shard="0"}', '10x30'],
  ['holdfast_mailbox_depth_max', '100x30'],
  ['holdfast_shard_heap_bytes{shard="0"}', '50x30'],
  ['holdfast_shard_heap_max_bytes{shard="0"}', '0x30'],
  ['holdfast_requests_ignored_total', '7x30'],
  ['holdfast_lock_expiries_total{shard="0"}', '1x30'],
  ['holdfast_fenced_total{shard="0"}', '2x30'],
  ['holdfast_items_leased_total{shard="0"}', '0+10x30'],
  ['holdfast_items_returned_total{shard="0"}', '0x30'],
]

function withLabels(series: string): string {
  const [name, labels = ''] = series.replace('}', '').split('{')
  const own = Object.entries(alertLabels).map(([label, value]) => `${label}="${value}"`)
  return `${name}{${[...own, ...(labels === '' ? [] : [labels])].join(', ')}}`
}

function filledIn(summary: string, labels: Readonly<Record<string, string>>): string {
  return summary.replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '')
}

/** A YAML string in which nothing has a meaning of its own. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`
}
