// Ports of 127.0.0.1 for tests that have to name one; the others take port 0.
import { createServer, type Server } from 'node:net'
import { onTestFinished } from 'vitest'

async function listener(): Promise<{ server: Server; port: number }> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, port: typeof address === 'object' ? (address?.port ?? 0) : 0 }
}

/** A port where something listens until the test is over. */
export async function takenPort(): Promise<number> {
  const { server, port } = await listener()
  onTestFinished(() => void server.close())
  return port
}

/** A port where nothing listens, and that nobody is likely to be given soon. */
export async function freePort(): Promise<number> {
  const { server, port } = await listener()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
