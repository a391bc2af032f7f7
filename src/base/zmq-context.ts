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
