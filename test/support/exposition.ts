// Reads the text that a scrape answers with, as far as the tests need it.

export interface Scrape {
  /** By name and labels as they stand in the text: `holdfast_records{shard="0"}`. */
  readonly samples: ReadonlyMap<string, number>
  /** The type of each metric, whether it has samples or not. */
  readonly types: ReadonlyMap<string, string>
}

export function readScrape(text: string): Scrape {
  const samples = new Map<string, number>()
  const types = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (typed !== undefined && type !== undefined) types.set(typed, type)
    if (line === '' || line.startsWith('#')) continue
    const space = line.lastIndexOf(' ')
    const series = line.slice(0, space)
    if (samples.has(series)) throw new Error(`${series} stands in the scrape twice`)
    samples.set(series, Number(line.slice(space + 1)))
  }
  return { samples, types }
}

/** The name of the metric that a series belongs to: a histogram has several series, each with an ending of its own. */
export function metricOf(series: string, { types }: Scrape): string {
  const name = series.replace(/\{.*$/, '')
  return types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
}

/** The series that Prometheus expects never to fall or to vanish, but that did from one scrape to a later one. */
export function fallenCounters(earlier: Scrape, later: Scrape): string[] {
  return [...earlier.samples]
    .filter(([series]) => ['counter', 'histogram'].includes(earlier.types.get(metricOf(series, earlier)) ?? ''))
    .filter(([series, value]) => !((later.samples.get(series) ?? -1) >= value))
    .map(([series, value]) => `${series}: ${value}, then ${later.samples.get(series)}`)
}
