// The dashboards against the rules of Grafana's dashboard linter, and against what there is: no expression names a metric that
// does not exist, and no metric is forgotten. The alerts against the same, and each against its page.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { alerts, recordings } from '../../grafana/source/alerts.ts'
import { runbookOf } from '../../grafana/source/files.ts'
import { metricDefinitions } from '../../src/metrics/definitions.ts'
import { commandNames } from '../../src/protocol/commands.ts'
import {
  baseOf,
  type CommittedDashboard,
  committedDashboards,
  type DashboardPanel,
  metricsIn,
  panelsOf,
  type Target,
} from '../support/grafana.ts'

const dashboards = committedDashboards()
const every = dashboards.flatMap((dashboard) =>
  panelsOf(dashboard).map((panel) => ({ name: `${dashboard.title}: ${panel.title}`, panel })),
)
const known = new Set(metricDefinitions.map(({ name }) => name))
const counters = new Set(metricDefinitions.filter(({ type }) => type === 'counter').map(({ name }) => name))
/** Of Prometheus itself, and of prom-client. */
const others = ['up', 'process_start_time_seconds', 'process_resident_memory_bytes']
/** Metrics that no panel shows, each with the reason. */
const shownNowhere: Readonly<Record<string, string>> = {}

/** The names that stand in an expression other than where a counter may: within rate, irate or increase. */
function namesOutsideOfRates(expression: string): string[] {
  return metricsIn(expression.replaceAll(/\b(?:rate|irate|increase)\([\w:]+(?:\{[^}]*\})?\[[^\]]+\]\)/g, ''))
}

function targetProblems({ expr, legendFormat, datasource }: Target): string[] {
  const selectors = [...expr.matchAll(/\b(?:holdfast|process)[\w:]*(\{[^}]*\})?/g)].map(([, labels = '']) => labels)
  const windows = [...expr.matchAll(/\brate\([^[]*\[([^\]]+)\]/g)].map(([, window]) => window)
  return [
    ...(datasource?.uid === '$datasource' ? [] : ['asks another data source than the chosen one']),
    ...(legendFormat === '' ? ['has no legend'] : []),
    ...(selectors.every((labels) => labels.includes('job=~"$job"')) ? [] : ['is not narrowed to the job']),
    ...(selectors.every((labels) => labels.includes('instance=~"$instance"'))
      ? []
      : ['is not narrowed to the instance']),
    ...(windows.every((window) => window === '$__rate_interval') ? [] : ['takes a rate over a window of its own']),
    ...namesOutsideOfRates(expr)
      .filter((name) => counters.has(name) || /_(bucket|sum|count)$/.test(name))
      .map((name) => `shows the counter ${name} as it stands`),
  ]
}

function panelProblems({ title, description, fieldConfig, datasource, targets = [] }: DashboardPanel): string[] {
  return [
    ...(title ? [] : ['has no title']),
    ...(description?.endsWith('.') ? [] : ['has no description, or one that is no sentence']),
    ...(fieldConfig?.defaults?.unit ? [] : ['has no unit']),
    ...(datasource?.uid === '$datasource' ? [] : ['asks another data source than the chosen one']),
    ...(targets.length > 0 ? [] : ['asks nothing']),
    ...targets.flatMap((target) => targetProblems(target)),
  ]
}

describe('the rules find what they forbid:', () => {
  const good = 'sum(rate(holdfast_commits_total{job=~"$job", instance=~"$instance"}[$__rate_interval]))'
  const target = (expr: string): Target => ({ expr, refId: 'A', legendFormat: 'a', datasource: { uid: '$datasource' } })
  it.each([
    ['a counter as it stands', 'holdfast_commits_total{job=~"$job", instance=~"$instance"}'],
    ['a histogram as it stands', 'holdfast_batch_commands_bucket{job=~"$job", instance=~"$instance"}'],
    ['a window of its own', good.replace('$__rate_interval', '5m')],
    ['no job', good.replace('job=~"$job", ', '')],
    ['no instance', good.replace(', instance=~"$instance"', '')],
  ])('%s', (_what, expression) => {
    expect(targetProblems(target(expression))).toHaveLength(1)
    expect(targetProblems(target(good))).toEqual([])
  })

  it('a panel without words, unit or data source', () => {
    const bare: DashboardPanel = { type: 'stat', gridPos: { x: 0, y: 0, w: 1, h: 1 } }
    expect(panelProblems(bare)).toHaveLength(5)
  })
})

describe.each(dashboards.map((dashboard): [string, CommittedDashboard] => [dashboard.title, dashboard]))(
  'the dashboard %s',
  (_title, dashboard) => {
    const variable = (name: string) => dashboard.templating.list.find((each) => each.name === name)

    it('lets nobody save a change that the next start would undo', () => {
      expect(dashboard.editable).toBe(false)
    })

    it('can be turned to any data source, job and instance', () => {
      expect(variable('datasource')).toMatchObject({ type: 'datasource', query: 'prometheus', label: 'Data source' })
      for (const name of ['job', 'instance']) {
        expect(variable(name)).toMatchObject({
          type: 'query',
          datasource: { uid: '$datasource' },
          multi: true,
          includeAll: true,
          allValue: '.+',
          refresh: 2,
        })
      }
    })

    it('has panels with titles of their own, beside each other and not over each other', () => {
      const panels = panelsOf(dashboard)
      const titles = panels.map(({ title }) => title)
      const twice = titles.filter((title, index) => titles.indexOf(title) !== index)
      // A number at the top and its line below may be called the same.
      for (const title of twice)
        expect(panels.filter((panel) => panel.title === title && panel.type === 'stat')).toHaveLength(1)
      for (const [index, { gridPos: one }] of panels.entries()) {
        expect(one.x + one.w).toBeLessThanOrEqual(24)
        for (const { gridPos: other } of panels.slice(index + 1)) {
          const isApart =
            one.x + one.w <= other.x ||
            other.x + other.w <= one.x ||
            one.y + one.h <= other.y ||
            other.y + other.h <= one.y
          expect(isApart).toBe(true)
        }
      }
    })
  },
)

describe('every panel', () => {
  it.each(every)('keeps the rules: $name', ({ panel }) => {
    expect(panelProblems(panel)).toEqual([])
  })
})

describe('what dashboards, rules and alerts name', () => {
  const inPanels = every.flatMap(({ panel }) => (panel.targets ?? []).flatMap(({ expr }) => metricsIn(expr)))
  const inRules = [...alerts, ...recordings].flatMap(({ expression }) => metricsIn(expression))
  const recorded = new Set(recordings.map(({ name }) => name))

  it('exists', () => {
    const unknown = [...inPanels, ...inRules].filter(
      (name) => !known.has(baseOf(name, known)) && !others.includes(name) && !recorded.has(name),
    )
    expect(unknown).toEqual([])
  })

  it('is every metric that there is, but for those that are left out on purpose', () => {
    const shown = new Set(inPanels.map((name) => baseOf(name, known)))
    expect([...known].filter((name) => !shown.has(name)).sort()).toEqual(Object.keys(shownNowhere).sort())
  })

  it('compares labels only that the metric has', () => {
    const labelsOf = new Map(metricDefinitions.map(({ name, labels }) => [name, labels]))
    const expressions = [
      ...every.flatMap(({ panel }) => (panel.targets ?? []).map(({ expr }) => expr)),
      ...[...alerts, ...recordings].map(({ expression }) => expression),
    ]
    const wrong = expressions.flatMap((expression) =>
      [...expression.matchAll(/\b(holdfast_\w+)\{([^}]*)\}/g)].flatMap(([, name = '', labels = '']) =>
        [...labels.matchAll(/(\w+)\s*=~?"/g)]
          .map(([, label = '']) => label)
          .filter((label) => !['job', 'instance'].includes(label))
          .filter((label) => labelsOf.get(baseOf(name, known))?.includes(label) !== true)
          .map((label) => `${name}: ${label}`),
      ),
    )
    expect(wrong).toEqual([])
  })
})

describe('the runbook', () => {
  it.each(alerts)('of $name says what it means, what to look at, and what to type', (alert) => {
    const page = readFileSync(runbookOf(alert), 'utf8')
    expect(page.split('\n')[0]).toBe(`# ${alert.name}`)
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(['What it means', 'What to look at', 'What to do'])
    expect(page).toMatch(/```sh\n\S/)
  })

  it('has no page without an alert, and no link to a page that is not there', () => {
    const pages = readdirSync('docs/runbooks')
    expect(pages.sort()).toEqual(alerts.map(({ name }) => `${name}.md`).sort())
    for (const page of pages) {
      const links = [...readFileSync(`docs/runbooks/${page}`, 'utf8').matchAll(/\]\((\w+\.md)\)/g)]
      for (const [, link] of links) expect(existsSync(`docs/runbooks/${link}`), `${page}: ${link}`).toBe(true)
    }
  })

  it('names only commands and panels that there are', () => {
    const titles = new Set(every.map(({ panel }) => panel.title ?? ''))
    for (const { name } of alerts) {
      const page = readFileSync(runbookOf({ name }), 'utf8')
      for (const [, command] of page.matchAll(/"cmd":"(\w+)"/g)) expect(commandNames).toContain(command)
      const panels = [...page.replaceAll('**', '').matchAll(/\*([^*\n]+)\*/g)].map(([, title = '']) => title)
      const unknown = panels.filter(
        (title) => ![...titles].some((each) => each === title || each.startsWith(`${title},`)),
      )
      expect(unknown, name).toEqual([])
    }
  })
})
