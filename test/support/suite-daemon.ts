// One daemon for all tests of a suite, asked in both ways: by the client library, and in plain JSON.
import { afterAll, beforeAll } from 'vitest'
import { Dealer } from 'zeromq'
import { type Client, connect, type JsonObject } from '../../src/client/index.ts'
import { type RunningDaemon, startDaemon } from './program.ts'
import { ask } from './sockets.ts'

export interface SuiteDaemon {
  /** Only while tests run. */
  readonly client: Client
  /** Sends one command as plain JSON, and resolves to its reply. */
  ask(command: JsonObject): Promise<JsonObject>
}

/** Starts the daemon before the tests of the suite that calls this, and ends it after them. */
export function suiteDaemon(): SuiteDaemon {
  let daemon: RunningDaemon
  let client: Client
  let socket: Dealer
  beforeAll(async () => {
    daemon = await startDaemon(['--shards', '2'])
    client = await connect(daemon.endpoint)
    socket = new Dealer({ linger: 0, receiveTimeout: 15_000 })
    socket.connect(daemon.endpoint)
  })
  afterAll(async () => {
    socket.close()
    await client.close()
    await daemon.program.end()
  })
  return {
    get client() {
      return client
    },
    ask: (command) => ask(socket, command),
  }
}
