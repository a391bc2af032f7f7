// Stands between clients and a daemon and treats their write messages badly: some are lost, some come twice, in both
// directions. The daemon may be killed behind it: what was sent meanwhile reaches the next one.
import { Dealer, Router } from 'zeromq'
import { readReplyHeader, readRequestHeader } from '../../src/protocol/frames.ts'

export interface Losses {
  /** Of a hundred messages, so many are lost, and so many others come twice. */
  readonly lostPercent: number
  readonly doubledPercent: number
  readonly random: (below: number) => number
}

/** One client, and its own socket to the daemon. */
interface Peer {
  readonly socket: Dealer
  /** Request numbers of its write messages. */
  readonly writes: Set<number>
  sending: Promise<unknown>
}

export class LossyProxy {
  readonly #front = new Router({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 })
  readonly #peers = new Map<string, Peer>()
  readonly #target: string
  readonly #losses: Losses
  #sending: Promise<unknown> = Promise.resolve()
  lost = 0
  doubled = 0
  /** Messages with a write that were on several names. */
  spread = 0

  private constructor(target: string, losses: Losses) {
    this.#target = target
    this.#losses = losses
  }

  /** Passes messages on to the daemon at `target`, whether there is one at the moment or not. */
  static async open(target: string, losses: Losses): Promise<LossyProxy> {
    const proxy = new LossyProxy(target, losses)
    await proxy.#front.bind('tcp://127.0.0.1:*')
    void proxy.#read()
    return proxy
  }

  get endpoint(): string {
    return this.#front.lastEndpoint ?? ''
  }

  close(): void {
    this.#front.close()
    for (const { socket } of this.#peers.values()) socket.close()
  }

  async #read(): Promise<void> {
    while (!this.#front.closed) {
      const frames = await this.#front.receive().catch(() => undefined)
      if (frames === undefined) return
      const [identity, first, ...rest] = frames as [Buffer, Buffer, ...Buffer[]]
      const peer = this.#peerOf(identity)
      const header = readRequestHeader(first)
      const isWrite = !('code' in header) && header.writeNumber > 0
      if (isWrite && header.isSpread) this.spread += 1
      if (isWrite) peer.writes.add(header.requestNumber)
      this.#pass(isWrite, () => {
        peer.sending = peer.sending.then(() => peer.socket.send([first, ...rest])).catch(() => {})
      })
    }
  }

  #peerOf(identity: Buffer): Peer {
    const name = identity.toString('hex')
    let peer = this.#peers.get(name)
    if (peer === undefined) {
      const socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0, reconnectInterval: 10 })
      socket.connect(this.#target)
      peer = { socket, writes: new Set(), sending: Promise.resolve() }
      this.#peers.set(name, peer)
      void this.#readBack(identity, peer)
    }
    return peer
  }

  async #readBack(identity: Buffer, { socket, writes }: Peer): Promise<void> {
    while (!socket.closed) {
      const frames = await socket.receive().catch(() => undefined)
      if (frames === undefined) return
      const header = readReplyHeader(frames[0] as Buffer)
      const isWrite = header !== undefined && writes.has(header.requestNumber)
      this.#pass(isWrite, () => {
        this.#sending = this.#sending.then(() => this.#front.send([identity, ...frames])).catch(() => {})
      })
    }
  }

  /** What is no write is not sent again by its client, and passes unharmed. */
  #pass(isWrite: boolean, send: () => void): void {
    const { lostPercent, doubledPercent, random } = this.#losses
    const fate = isWrite ? random(100) : 100
    if (fate < lostPercent) {
      this.lost += 1
      return
    }
    send()
    if (fate >= lostPercent + doubledPercent) return
    this.doubled += 1
    send()
  }
}
