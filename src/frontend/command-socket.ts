// The ROUTER socket of the commands, with every option that stands between a stranger and the daemon's memory. Options
// take effect at a bind, so all are set here, before the first one.
import { randomBytes } from 'node:crypto'
import { Router } from 'zeromq'
import type { Limits } from '../base/limits.ts'
import { keepalive, zmqContext } from '../base/zmq-context.ts'

/** How long replies may still leave after the socket was closed. */
export const lingerMs = 2_000

/** A stranger has so long to finish the greeting. */
const handshakeMs = 5_000
/** Connections that the kernel holds ready; enough for every client of a fleet to come back in the same second. */
const backlog = 1_024
/**
 * Replies to one client in ZeroMQ's own queue, which cannot be bounded in bytes: a client that does not read holds so
 * many there, and what the writer's queue may hold, which is. With 64, bursts of small replies run into it all the time.
 */
const sendHighWaterMark = 256

/** ZMQ_DISCONNECT_MSG, a draft option that zeromq.js has no name for. */
const disconnectMessageOption = 111

export class CommandSocket extends Router {
  /** Has `[identity, message]` delivered when the connection of a peer has ended, in whatever way. */
  setDisconnectMessage(message: Buffer): void {
    this.setStringOption(disconnectMessageOption, message)
  }
}

export interface BoundSocket {
  readonly socket: CommandSocket
  /** The endpoints as they are: port 0 is replaced by the port that was found. */
  readonly endpoints: readonly string[]
  /** Random, so that no client can announce the end of another, or its own. */
  readonly disconnectMessage: Buffer
}

/** Binds one socket to all endpoints; rejects, with nothing left open, if one of them cannot be had. */
export async function bindCommandSocket(wanted: readonly string[], limits: Limits): Promise<BoundSocket> {
  const socket = new CommandSocket({
    context: zmqContext,
    // A send to a client that is gone, or whose queue is full, fails at once instead of vanishing or waiting for ever.
    mandatory: true,
    sendTimeout: 0,
    sendHighWaterMark,
    // ZeroMQ can only cut the connection; up to twice the limit a message is refused in words.
    maxMessageSize: limits.messageBytesMax * 2,
    linger: lingerMs,
    backlog,
    handshakeInterval: handshakeMs,
    ...keepalive,
    // Only where it is asked for: a machine may have none.
    ipv6: wanted.some((endpoint) => endpoint.includes('[')),
  })
  const disconnectMessage = randomBytes(32)
  const endpoints: string[] = []
  try {
    socket.setDisconnectMessage(disconnectMessage)
    for (const endpoint of wanted) {
      await socket.bind(endpoint)
      // It names the last bind only.
      endpoints.push(socket.lastEndpoint ?? endpoint)
    }
  } catch (error) {
    socket.close()
    throw error
  }
  return { socket, endpoints, disconnectMessage }
}
