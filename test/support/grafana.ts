// What is committed in grafana/, read as Grafana and Prometheus read it: dashboards with their panels and expressions.
import { readdirSync, readFileSync } from 'node:fs'

export interface Target {
  readonly expr: string
  readonly refId: string
  readonly legendFormat: string
  readonly datasource?: { readonly uid: string }
}

export interface DashboardPanel {
  readonly type: string
  readonly title?: string
  readonly description?: string
  readonly datasource?: { readonly uid: string }
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } }
  readonly targets?: readonly Target[]
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
}

export interface Variable {
  readonly name: string
  readonly type: string
  readonly label?: string
  readonly query?: unknown
  readonly multi?: boolean
  readonly includeAll?: boolean
  readonly allValue?: string
  readonly refresh?: number
  readonly datasource?: { readonly uid: string }
}

export interface CommittedDashboard {
  readonly uid: string
  readonly title: string
  readonly editable: boolean
  readonly panels: readonly DashboardPanel[]
  readonly templating: { readonly list: readonly Variable[] }
}

const folder = 'grafana/dashboards'

export function committedDashboards(): CommittedDashboard[] {
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')) as CommittedDashboard)
}

/** All panels but the headings of rows. */
export function panelsOf({ panels }: CommittedDashboard): DashboardPanel[] {
  return panels.filter(({ type }) => type !== 'row')
}

/** The names of metrics that an expression reads; recorded ones too, which have colons. */
export function metricsIn(expression: string): string[] {
  const words = expression.replaceAll(/"[^"]*"/g, '').matchAll(/\b(?:holdfast|process|nodejs|up)[\w:]*/g)
  return [...new Set([...words].map(([word]) => word))]
}

/** The metric that a series of a histogram belongs to. */
export function baseOf(name: string, known: ReadonlySet<string>): string {
  return known.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
}
