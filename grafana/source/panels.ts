// How a panel and a dashboard of ours are made: the one place that knows Grafana's builder. Every panel has a title, a
// description and a unit, every expression is narrowed to the chosen jobs and instances: there is no way to leave it out.
// The classic form of dashboards is made, which its builder calls deprecated: the new one is for the newest Grafana only.
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** Units as Grafana names them. */
export type Unit = 'short' | 'none' | 's' | 'bytes' | 'Bps' | 'ops' | 'cps' | 'percentunit' | 'bool'

export interface Panel {
  readonly title: string
  readonly description: string
  readonly unit: Unit
  /** By what stands in the legend. */
  readonly targets: Readonly<Record<string, string>>
  /** One number rather than a line; from `bad` on it is red. */
  readonly stat?: { readonly bad?: number; readonly good?: 'low' | 'high' }
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

export interface DashboardSource {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly rows: readonly Row[]
}

const datasource = { type: 'prometheus', uid: '$datasource' }
const chosen = 'job=~"$job", instance=~"$instance"'
/** Of 24 columns. */
const statColumns = 4
const columns = 8

/** A metric of the chosen instances; `labels` narrows it further. */
export function metric(name: string, labels = ''): string {
  return `${name}{${labels === '' ? chosen : `${chosen}, ${labels}`}}`
}

/** A counter by the second. */
export function rate(name: string, labels = ''): string {
  return `rate(${metric(name, labels)}[$__rate_interval])`
}

/** A counter by the second, added up over what `by` does not name. */
export function rateBy(by: string, name: string, labels = ''): string {
  return `sum by (${by}) (${rate(name, labels)})`
}

/** A quantile of a histogram of seconds or numbers. */
export function quantile(of: number, by: string, name: string, labels = ''): string {
  return `histogram_quantile(${of}, sum by (${by === '' ? 'le' : `le, ${by}`}) (${rate(`${name}_bucket`, labels)}))`
}

export function dashboardOf({ uid, title, description, rows }: DashboardSource): Dashboard {
  const builder = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['holdfast'])
    .readonly()
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .link(
      new DashboardLinkBuilder('Holdfast')
        .type(DashboardLinkType.Dashboards)
        .tags(['holdfast'])
        .keepTime(true)
        .includeVars(true)
        .asDropdown(true),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(labelVariable('job', 'Job', 'label_values(holdfast_build_info, job)'))
    .withVariable(labelVariable('instance', 'Instance', 'label_values(holdfast_build_info{job=~"$job"}, instance)'))
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title))
    for (const panel of row.panels) builder.withPanel(panel.stat === undefined ? timeseriesOf(panel) : statOf(panel))
  }
  return builder.build()
}

function labelVariable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query({ query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ selected: true, text: 'All', value: '$__all' })
}

function timeseriesOf({ title, description, unit, targets }: Panel): TimeseriesBuilder {
  const panel = new TimeseriesBuilder()
    .title(title)
    .description(description)
    .unit(unit)
    .datasource(datasource)
    .min(0)
    .fillOpacity(10)
    .span(columns)
    .height(7)
  for (const query of queriesOf(targets)) panel.withTarget(query.range())
  return panel
}

function statOf({ title, description, unit, targets, stat = {} }: Panel): StatBuilder {
  const { bad, good = 'low' } = stat
  const [first, second] = good === 'low' ? ['green', 'red'] : ['red', 'green']
  const steps = [{ value: null, color: first }, ...(bad === undefined ? [] : [{ value: bad, color: second }])]
  const panel = new StatBuilder()
    .title(title)
    .description(description)
    .unit(unit)
    .datasource(datasource)
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps))
    .span(statColumns)
    .height(4)
  for (const query of queriesOf(targets)) panel.withTarget(query.instant())
  return panel
}

function queriesOf(targets: Panel['targets']): DataqueryBuilder[] {
  return Object.entries(targets).map(([legend, expression], index) =>
    new DataqueryBuilder()
      .datasource(datasource)
      .expr(expression)
      .legendFormat(legend)
      .refId(String.fromCodePoint('A'.codePointAt(0)! + index)),
  )
}
