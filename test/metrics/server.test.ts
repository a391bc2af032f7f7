// The HTTP server by itself, over real sockets; what a scrape says of an engine is shown in engine.test.ts.

import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type MetricsServer, type MetricsServerOptions, startMetricsServer } from '../../src/metrics/server.ts'

const contentType = 'text/plain; version=0.0.4; charset=utf-8'
const registryOf = (metrics: () => Promise<string>): MetricsServerOptions['registry'] => ({ contentType, metrics })

describe('the metrics server', () => {
  const servers: MetricsServer[] = []
  const errors: string[] = []
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()))
    errors.length = 0
  })

  async function start(given: Partial<MetricsServerOptions> = {}): Promise<MetricsServer> {
    const server = await startMetricsServer({
      host: '127.0.0.1',
      port: 0,
      registry: registryOf(async () => 'a 1\n'),
      readiness: () => ({ isReady: true, notes: [] }),
      log: { info() {}, warn() {}, error: (fields, message) => errors.push(`${message} ${JSON.stringify(fields)}`) },
      ...given,
    })
    servers.push(server)
    return server
  }

  const ask = async (server: MetricsServer, path: string, method = 'GET') => {
    const response = await fetch(`http://${server.address}${path}`, { method })
    return { status: response.status, headers: response.headers, body: await response.text() }
  }

  /** Sends requests on one connection without waiting between them: they are taken up in this order, in one go. */
  const pipeline = async (server: MetricsServer, paths: readonly string[]): Promise<string[]> => {
    const socket = connect(Number(server.address.split(':')[1]), '127.0.0.1')
    const last = paths.length - 1
    const line = (path: string, index: number) =>
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: ${index === last ? 'close' : 'keep-alive'}\r\n\r\n`
    socket.write(paths.map(line).join(''))
    return bodiesOf(await textOf(socket))
  }

  it('names the real port that it listens on', async () => {
    const { address } = await start()
    expect(address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/)
  })

  it('answers a scrape with the text of the registry and its content type', async () => {
    const { status, headers, body } = await ask(await start(), '/metrics')
    expect({ status, body }).toEqual({ status: 200, body: 'a 1\n' })
    expect(headers.get('content-type')).toBe(contentType)
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('answers that it is alive', async () => {
    expect(await ask(await start({ readiness: () => ({ isReady: false, notes: [] }) }), '/healthz')).toMatchObject({
      status: 200,
      body: 'ok',
    })
  })

  it('answers whether it is ready, each time anew', async () => {
    let ready = false
    const server = await start({ readiness: () => ({ isReady: ready, notes: [] }) })
    expect(await ask(server, '/readyz')).toMatchObject({ status: 503, body: 'not ready' })
    ready = true
    expect(await ask(server, '/readyz')).toMatchObject({ status: 200, body: 'ready' })
  })

  it('says in a line each what is not as it should be, ready or not', async () => {
    let isReady = true
    const notes = ['shard 0 is quarantined', 'shard 2 is corrupt']
    const server = await start({ readiness: () => ({ isReady, notes }) })
    expect(await ask(server, '/readyz')).toMatchObject({ status: 200, body: ['ready', ...notes].join('\n') })
    isReady = false
    expect(await ask(server, '/readyz')).toMatchObject({ status: 503, body: ['not ready', ...notes].join('\n') })
  })

  it.each([
    ['/metrics', 200, '4'],
    ['/healthz', 200, '2'],
    ['/readyz', 503, '9'],
    ['/nowhere', 404, null],
  ])('answers HEAD %s with the headers alone', async (path, status, length) => {
    const answer = await ask(await start({ readiness: () => ({ isReady: false, notes: [] }) }), path, 'HEAD')
    expect(answer).toMatchObject({ status, body: '' })
    if (length !== null) expect(answer.headers.get('content-length')).toBe(length)
  })

  it('takes no notice of a query', async () => {
    expect(await ask(await start(), '/metrics?name[]=a')).toMatchObject({ status: 200, body: 'a 1\n' })
  })

  it.each(['/', '/metrics/', '/metricsx', '/toString', '//metrics'])(
    'does not find %s, and says what there is',
    async (path) => {
      expect(await ask(await start(), path)).toMatchObject({
        status: 404,
        body: 'Not found. There are /metrics, /healthz, /readyz.',
      })
    },
  )

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s, and says what is allowed', async (method) => {
    const { status, headers } = await ask(await start(), '/metrics', method)
    expect(status).toBe(405)
    expect(headers.get('allow')).toBe('GET, HEAD')
  })

  it('reads the registry once for scrapes that come at the same time, and again for the next', async () => {
    let reads = 0
    let finish = (_text: string): void => {}
    const server = await start({
      registry: registryOf(() => {
        reads += 1
        return new Promise((resolve) => (finish = resolve))
      }),
      // Asked last, so that by then both scrapes have been taken up.
      readiness: () => {
        finish(`read ${reads}`)
        return { isReady: true, notes: [] }
      },
    })
    const paths = ['/metrics', '/metrics', '/readyz']
    expect(await pipeline(server, paths)).toEqual(['read 1', 'read 1', 'ready'])
    expect(await pipeline(server, paths)).toEqual(['read 2', 'read 2', 'ready'])
  })

  it('answers 500 and logs why if the registry fails, and goes on', async () => {
    let fails = true
    const server = await start({
      registry: registryOf(() => (fails ? Promise.reject(new Error('no numbers')) : Promise.resolve('a 1\n'))),
    })
    expect((await ask(server, '/metrics')).status).toBe(500)
    expect(errors).toEqual([expect.stringContaining('no numbers')])
    fails = false
    expect((await ask(server, '/metrics')).status).toBe(200)
  })

  it('ends open connections when it is closed, scrapes included, and may be closed again', async () => {
    let arrived = (): void => {}
    const started = new Promise<void>((resolve) => (arrived = resolve))
    const server = await start({
      registry: registryOf(() => {
        arrived()
        return new Promise(() => {})
      }),
    })
    const scrape = new Promise((resolve) => request(`http://${server.address}/metrics`).on('error', resolve).end())
    await started
    await server.close()
    await server.close()
    expect(await scrape).toMatchObject({ code: 'ECONNRESET' })
    await expect(ask(server, '/healthz')).rejects.toThrow('fetch failed')
  })

  it('ends the connection of a peer that does not finish its headers', async () => {
    const server = await start()
    const socket = connect(Number(server.address.split(':')[1]), '127.0.0.1')
    socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n')
    expect(await textOf(socket)).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('cannot be started where another one listens, and says so', async () => {
    const { address } = await start()
    await expect(start({ port: Number(address.split(':')[1]) })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  it('writes an IPv6 address so that a URL can be made of it', async () => {
    const server = await start({ host: '::1' })
    expect(server.address).toMatch(/^\[::1\]:\d+$/)
    expect((await ask(server, '/healthz')).body).toBe('ok')
  })
})

/** What comes in until the other end closes. */
function textOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
    socket.on('close', () => resolve(text))
  })
}

function bodiesOf(responses: string): string[] {
  return responses
    .split(/(?=HTTP\/1\.1 )/)
    .map((response) => response.slice(response.indexOf('\r\n\r\n') + '\r\n\r\n'.length))
}
