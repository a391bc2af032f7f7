// The HTTP server for Prometheus and for probes: three paths, all of them to be read only. It has no authentication, so
// its caller binds it to loopback unless told otherwise. A slow or hostile peer costs a bounded number of connections.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import type { Log } from '../base/log.ts'

export interface Readiness {
  /** Whether commands would be taken up now. */
  readonly isReady: boolean
  /** What is not as it should be, for people: a line each. */
  readonly notes: readonly string[]
}

export interface MetricsServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>
  readonly readiness: () => Readiness
  readonly log: Log
}

export interface MetricsServer {
  /** The address that it listens on, with the real port: `127.0.0.1:9560`, or `[::1]:9560`. */
  readonly address: string
  /** Stops listening and ends every connection, one in the middle of a scrape too. May be called again. */
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** How long a peer may take to send its headers, its whole request, and the next one on the same connection. */
const headersMsMax = 5_000
const requestMsMax = 10_000
const idleMsMax = 10_000
const checkIntervalMs = 1_000
/** A scraper and a few probes need a handful; what comes beyond is not accepted. */
const connectionsMax = 64

/** Starts the server. Rejects if it cannot listen there. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, port, log } = options
  const answers = answersOf(options)
  const server = createServer(
    {
      headersTimeout: headersMsMax,
      requestTimeout: requestMsMax,
      keepAliveTimeout: idleMsMax,
      connectionsCheckingInterval: checkIntervalMs,
    },
    (request, response) => {
      answer(answers, request).then(
        (answered) => send(response, answered),
        (error: unknown) => {
          log.error({ event: 'metrics_failed', error: String(error) }, 'the metrics could not be read')
          send(response, { status: 500, body: 'The metrics could not be read; the log says why.' })
        },
      )
    },
  )
  server.maxConnections = connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // Such as too many open files: the process goes on, and so does the server.
  server.on('error', (error) =>
    log.error(
      { event: 'metrics_connection_failed', error: String(error) },
      'the metrics server could not take a connection',
    ),
  )
  let closing: Promise<void> | undefined
  return {
    address: addressOf(server.address() as AddressInfo),
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closing
    },
  }
}

/** What each path answers. */
function answersOf({ registry, readiness }: MetricsServerOptions): ReadonlyMap<string, () => Answer | Promise<Answer>> {
  let scrape: Promise<string> | undefined
  /** Several scrapers at a time cost no more than one. */
  const scrapeOnce = (): Promise<string> => {
    scrape ??= registry.metrics().finally(() => {
      scrape = undefined
    })
    return scrape
  }
  return new Map<string, () => Answer | Promise<Answer>>([
    [
      '/metrics',
      async () => ({ status: 200, headers: { 'content-type': registry.contentType }, body: await scrapeOnce() }),
    ],
    // That it is answered at all shows that the event loop of the process turns.
    ['/healthz', () => ({ status: 200, body: 'ok' })],
    [
      '/readyz',
      () => {
        const { isReady, notes } = readiness()
        return { status: isReady ? 200 : 503, body: [isReady ? 'ready' : 'not ready', ...notes].join('\n') }
      },
    ],
  ])
}

async function answer(answers: ReturnType<typeof answersOf>, { method, url = '' }: IncomingMessage): Promise<Answer> {
  const found = answers.get(url.replace(/\?.*$/s, ''))
  if (found === undefined) return { status: 404, body: `Not found. There are ${[...answers.keys()].join(', ')}.` }
  if (method === 'GET' || method === 'HEAD') return found()
  return { status: 405, headers: { allow: 'GET, HEAD' }, body: 'Only GET and HEAD are answered here.' }
}

function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  })
  // Node leaves the body out where HEAD asked.
  response.end(body)
}

function addressOf({ address, family, port }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
}
