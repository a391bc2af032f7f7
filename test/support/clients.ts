// The client library in tests: clients that are closed when the test is over, and the words for what a call ended with.
import { onTestFinished } from 'vitest'
import { type Client, type ConnectOptions, connect, HoldfastError } from '../../src/client/index.ts'
import { type Server, type ServerOptions, serve } from './sockets.ts'

/** A client of a server that runs already. It waits for nothing when the test is over. */
export async function clientOf(endpoint: string | readonly string[], options: ConnectOptions = {}): Promise<Client> {
  const client = await connect(endpoint, options)
  onTestFinished(() => client.close({ waitMs: 0 }))
  return client
}

export interface ClientAndServer extends Server {
  readonly client: Client
}

/** A server without threads and a client of it. */
export async function clientAndServer(
  options: ServerOptions = {},
  connectOptions?: ConnectOptions,
): Promise<ClientAndServer> {
  const server = await serve(options)
  return { ...server, client: await clientOf(server.endpoint, connectOptions) }
}

/** The error that a call is rejected with. */
export async function errorOf(call: Promise<unknown>): Promise<HoldfastError> {
  const error: unknown = await call.then(
    (value) => new Error(`resolved to ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  )
  if (error instanceof HoldfastError) return error
  throw error
}

/** What a call ended with: `ok`, or the code of its error. Anything else fails the test. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    if (error instanceof HoldfastError) return error.code
    throw error
  }
}
