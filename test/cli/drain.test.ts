// How a daemon ends: whatever it has read is answered first, and nothing of it stays behind.
import { describe, expect, it, onTestFinished } from 'vitest'
import { Dealer } from 'zeromq'
import { eventually } from '../support/eventually.ts'
import { daemonOfTest, metricOfDaemon } from '../support/holdfast.ts'

function dealerOn(endpoint: string, options: { receiveHighWaterMark?: number } = {}): Dealer {
  const dealer = new Dealer({ linger: 0, receiveTimeout: 10_000, ...options })
  dealer.connect(endpoint)
  onTestFinished(() => dealer.close())
  return dealer
}

interface Reply {
  readonly request_id: number
  readonly status: string
  readonly code?: string
}

const stopping = 'stopping: what was read is answered, what comes now is refused'

describe('a daemon that is told to end', () => {
  it('by SIGTERM does so with status 0, and lets go of its ports', async () => {
    const { program, metrics } = await daemonOfTest(['--shards', '1'])
    program.child.kill('SIGTERM')
    expect(await program.over).toMatchObject({ status: 0, signal: null })
    expect(program.log.slice(-2)).toMatchObject([{ signal: 'SIGTERM', msg: stopping }, { msg: 'stopped' }])
    await expect(fetch(`http://${metrics}/healthz`)).rejects.toThrow('fetch failed')
  })

  it('answers every request that it read, and runs or refuses each', async () => {
    const daemon = await daemonOfTest(['--shards', '1'])
    const dealer = dealerOn(daemon.endpoint)
    const rows = Array.from({ length: 40_000 }, (_, number) => ({ name: `row ${number}`, status: 'open' }))
    const requests = [
      { cmd: 'CREATE_STATE', state: 'leads' },
      { cmd: 'CREATE_STATE', state: 'other' },
      ...Array.from({ length: 500 }, () => ({ cmd: 'CREATE_RECORD', state: 'other', data: { n: 1 } })),
      // Taken apart and staged over many turns; what this client sends behind it waits for that.
      { cmd: 'SET_STATE', state: 'leads', data: rows },
      ...Array.from({ length: 500 }, () => ({ cmd: 'LIST_STATES' })),
    ]
    for (const [number, request] of requests.entries()) {
      await dealer.send(JSON.stringify({ ...request, request_id: number }))
    }
    const allRead = async () => (await metricOfDaemon(daemon, 'holdfast_messages_received_total')) === requests.length
    await eventually('every request was read', allRead)
    daemon.program.child.kill('SIGTERM')
    const replies: Reply[] = []
    while (replies.length < requests.length) {
      const [frame] = await dealer.receive()
      replies.push(JSON.parse(String(frame)) as Reply)
    }
    expect(new Set(replies.map(({ request_id: number }) => number)).size).toBe(requests.length)
    expect(replies.filter(({ status, code }) => status !== 'ok' && code !== 'SHUTTING_DOWN')).toEqual([])
    expect(await daemon.program.over).toMatchObject({ status: 0 })
  })

  it('refuses what it reads after the signal, while it still works on what came before', async () => {
    const daemon = await daemonOfTest(['--shards', '1'])
    const [worker, asker] = [dealerOn(daemon.endpoint), dealerOn(daemon.endpoint)]
    const data = Array.from({ length: 80_000 }, (_, number) => ({ name: `row ${number}`, status: 'open' }))
    await worker.send(JSON.stringify({ cmd: 'CREATE_STATE', state: 'leads' }))
    await worker.receive()
    await worker.send(JSON.stringify({ cmd: 'SET_STATE', state: 'leads', data }))
    const inShard = async () => ((await metricOfDaemon(daemon, 'holdfast_mailbox_depth{shard="0"}')) ?? 0) > 0
    await eventually('the shard has the list', inShard)
    daemon.program.child.kill('SIGTERM')
    let reply: unknown
    await eventually('a request is refused', async () => {
      await asker.send('{"cmd":"PING"}')
      const [frame] = await asker.receive()
      reply = JSON.parse(String(frame))
      return String(frame) !== '{"status":"ok","pong":true}'
    })
    expect(reply).toEqual({ status: 'error', code: 'SHUTTING_DOWN', message: 'The daemon is shutting down' })
    const [frame] = await worker.receive()
    expect(JSON.parse(String(frame))).toMatchObject({ status: 'ok', accepted: data.length })
    expect(await daemon.program.over).toMatchObject({ status: 0 })
  })

  it('takes signals that come together, SIGINT among them, for one', async () => {
    const { program } = await daemonOfTest(['--shards', '1'])
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT'] as const) program.child.kill(signal)
    expect(await program.over).toMatchObject({ status: 0, signal: null })
    expect(program.log.filter(({ msg }) => msg === stopping)).toHaveLength(1)
  })

  it('ends at once, with status 1, at a signal a second later', async () => {
    const daemon = await daemonOfTest(['--shards', '1'])
    const { program } = daemon
    // A client that does not read its replies keeps the daemon from ending for two seconds.
    const dealer = dealerOn(daemon.endpoint, { receiveHighWaterMark: 1 })
    await dealer.send(JSON.stringify({ cmd: 'CREATE_STATE', state: 'large' }))
    await dealer.send(JSON.stringify({ cmd: 'SET_STATE', state: 'large', data: [{ text: 'x'.repeat(200_000) }] }))
    for (let count = 0; count < 500; count += 1) {
      await dealer.send(JSON.stringify({ cmd: 'LIST_RECORDS', state: 'large' }))
    }
    const queued = async () => ((await metricOfDaemon(daemon, 'holdfast_replies_queued')) ?? 0) > 0
    await eventually('replies wait for the client', queued)
    program.child.kill('SIGTERM')
    const stop = () => program.log.find(({ msg }) => msg === stopping)
    await eventually('the daemon stops', () => stop() !== undefined)
    const stoppedAt = Date.parse(String(stop()?.time))
    await eventually('a second has passed', () => Date.now() > stoppedAt + 1_050)
    const signalledAt = performance.now()
    program.child.kill('SIGTERM')
    expect(await program.over).toMatchObject({ status: 1, signal: null })
    expect(performance.now() - signalledAt).toBeLessThan(500)
  })
})
