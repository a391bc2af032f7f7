// The ZeroMQ context of every socket of ours: one for a process, apart from the one that its other code may use. It
// receives each message into memory of its own size. By default a message keeps the 8 KiB that it was read with, for as
// long as JavaScript knows it: a sixth of the throughput of small messages went into fresh pages, and what a reply left
// in a client's heap pinned much more than itself.
import { Context } from 'zeromq'

/** ZMQ_ZERO_COPY_RECV, an option that zeromq.js has no name for. */
const zeroCopyReceiveOption = 10

class CopyingContext extends Context {
  constructor() {
    super()
    this.setBoolOption(zeroCopyReceiveOption, false)
  }
}

export const zmqContext: Context = new CopyingContext()

/**
 * How every socket finds out that whoever is at the other end is gone without a word: by the system's own means. ZeroMQ's
 * heartbeats would abort the process, here or at the other end, where a connection ends whose messages wait to be read:
 * a ping among them, or one that is due, meets an assertion (libzmq 4.3.5, `!_io_error`).
 */
export const keepalive = {
  tcpKeepalive: 1,
  tcpKeepaliveIdle: 7,
  tcpKeepaliveInterval: 2,
  tcpKeepaliveCount: 3,
  /** What was sent has to be acknowledged within so many milliseconds. */
  tcpMaxRetransmitTimeout: 14_000,
} as const
