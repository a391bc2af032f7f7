// Debian's Prometheus as a child process: a folder of its own, a free port, rules and targets as a test says. Whoever starts it
// ends it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import { freePort } from './ports.ts'

/** The command, where it is installed. */
export function prometheusCommand(): string | undefined {
  return ['prometheus'].find((command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0)
}

export interface Alerting {
  readonly labels: Readonly<Record<string, string>>
  readonly state: string
}

interface Instant {
  readonly resultType: string
  readonly result: readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[]
}

export class Prometheus {
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #address: string
  #said = ''

  private constructor(folder: string, child: ChildProcess, address: string) {
    this.#folder = folder
    this.#child = child
    this.#address = address
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said += text))
  }

  /** Scrapes each target every second, and waits until it answers questions. `rules` are the texts of rule files. */
  static async start(
    command: string,
    targets: Readonly<Record<string, string>>,
    rules: readonly string[],
  ): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-prometheus-'))
    const ruleFiles = rules.map((text, index) => {
      writeFileSync(join(folder, `rules-${index}.yml`), text)
      return `rules-${index}.yml`
    })
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: ruleFiles,
      scrape_configs: [
        {
          job_name: 'holdfast',
          static_configs: Object.entries(targets).map(([instance, address]) => ({
            targets: [address],
            labels: { instance },
          })),
        },
      ],
    }
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
    const address = `127.0.0.1:${await freePort()}`
    const child = spawn(command, [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
    ])
    const prometheus = new Prometheus(folder, child, address)
    try {
      await eventually('Prometheus answers', () => prometheus.#isReady(), 15_000)
    } catch (error) {
      await prometheus.end()
      throw new Error(`Prometheus does not answer: ${prometheus.#said}`, { cause: error })
    }
    return prometheus
  }

  /** The series that an expression comes to now. */
  async query(expression: string): Promise<Instant['result']> {
    const answer = await fetch(`http://${this.#address}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expression }),
    })
    const { status, data, error } = (await answer.json()) as { status: string; data: Instant; error?: string }
    if (status !== 'success') throw new Error(`${expression}: ${error}`)
    return data.result
  }

  async alerts(): Promise<readonly Alerting[]> {
    const answer = await fetch(`http://${this.#address}/api/v1/alerts`)
    const { data } = (await answer.json()) as { data: { alerts: readonly Alerting[] } }
    return data.alerts
  }

  async end(): Promise<void> {
    const over = new Promise((resolve) => this.#child.once('close', resolve))
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL')
      await over
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error('it has ended')
    const answer = await fetch(`http://${this.#address}/-/ready`).catch(() => undefined)
    return answer?.status === 200
  }
}
