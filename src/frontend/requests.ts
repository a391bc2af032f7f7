// What becomes of a message: it is refused, or its commands are run, and it gets exactly one reply. The messages of one
// client are taken up in the order in which they came, also behind a large one that is taken apart elsewhere.
import type { Limits } from '../base/limits.ts'
import type { Log } from '../base/log.ts'
import { invalidRequest } from '../protocol/envelope.ts'
import { type Refusal, refusal, refusalReply } from '../protocol/errors.ts'
import { writePlaces, writeReplyHeader } from '../protocol/frames.ts'
import { parseJson, textOf } from '../protocol/json.ts'
import type { Numbered } from '../protocol/mailbox.ts'
import { type Message, type MessageElement, readMessage } from '../protocol/message.ts'
import type { Respond } from '../router/mailbox.ts'
import type { Router } from '../router/router.ts'
import { type Incoming, type ReplyForm, type RoutedCodec, readFrames } from './incoming.ts'
import { type PackedCodec, runPackedElement, runPackedForRouter } from './packed.ts'
import type { Peer } from './peer.ts'
import { arrayOf, joinChunks, type ReplyText, runArray, textOfReply } from './reply-body.ts'
import type { Writer } from './writer.ts'

/** Reads large messages outside of this thread, their long lists cut into slices. */
export interface Parser {
  takeApart(frame: Buffer): Promise<Message | Refusal>
  /** See `readLongBody` of protocol/message.ts. */
  readLongBody(body: Buffer, isPacked: boolean, routingKey: string): Promise<MessageElement | undefined | Refusal>
}

type RoutedMessage = Extract<Incoming, { kind: 'routed' }>

export interface RequestsOptions {
  readonly router: Router
  readonly writer: Writer
  readonly limits: Limits
  readonly log: Log
  readonly parser?: Parser | undefined
}

/** A routed body is parsed in its shard, unless it may hold a list so long that this has to happen in slices. */
const routedBytesMax = 256 * 1024
/** So many messages of the largest size may wait behind a large one of the same client. */
const largestWaitingMax = 4

/** So many waiting messages are taken up before the event loop gets its turn. */
const resumedPerTurn = 128

const emptyFrame = Buffer.alloc(0)
const openingBrace = 0x7b

/** One message on its way to its reply. */
interface Exchange extends ReplyForm {
  readonly peer: Peer
  isAnswered: boolean
  /** Present while its command waits in a shard. */
  cancel: (() => void) | undefined
}

function exchangeOf(peer: Peer, { isDelimited, prefix }: ReplyForm): Exchange {
  return { peer, isDelimited, prefix, isAnswered: false, cancel: undefined }
}

/** The command of a message waits: it is called off when its client goes. */
function noticeParked(exchange: Exchange, cancel: () => void): void {
  const { peer } = exchange
  if (peer.isGone) return cancel()
  exchange.cancel = cancel
  peer.parked.add(cancel)
}

export class Requests {
  readonly #options: RequestsOptions
  #inFlight = 0
  #received = 0
  #bytesReceived = 0
  #ignored = 0
  #refused = 0
  #large = 0
  readonly #answeredWaiters = new Set<() => void>()

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  statistics() {
    return {
      messagesReceived: this.#received,
      bytesReceived: this.#bytesReceived,
      requestsIgnored: this.#ignored,
      messagesRefused: this.#refused,
      largeMessages: this.#large,
    }
  }

  /** Takes a message as it came from the socket; the first frame is the client's identity. Never throws. */
  take(peer: Peer, frames: readonly Buffer[]): void {
    const { writer, limits } = this.#options
    const incoming = readFrames(frames, limits.messageBytesMax)
    this.#received += 1
    this.#bytesReceived += incoming.bytes
    if (writer.isFull(peer)) {
      // Whatever it asks for, it does not read the answers.
      this.#ignored += 1
      return
    }
    const overload = this.#overloadOf(peer, incoming)
    peer.inFlight += 1
    this.#inFlight += 1
    if (overload !== undefined) this.#refuse(exchangeOf(peer, incoming), overload)
    else if (!peer.isHeld) this.#begin(peer, incoming)
    else {
      peer.waiting.push(incoming)
      peer.waitingBytes += incoming.bytes
    }
  }

  /** Resolves once every message is answered. */
  async whenAnswered(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#answeredWaiters.add(resolve))
  }

  #overloadOf(peer: Peer, { bytes }: Incoming): Refusal | undefined {
    const { limits } = this.#options
    if (!peer.isKnown) return refusal('OVERLOADED', { what: `${limits.peersMax} clients are connected` })
    if (peer.inFlight >= limits.requestsInFlightPerPeerMax) {
      return refusal('OVERLOADED', { what: `${peer.inFlight} requests of this client are not answered yet` })
    }
    if (peer.isHeld && peer.waitingBytes + bytes > limits.messageBytesMax * largestWaitingMax) {
      return refusal('OVERLOADED', { what: 'too many large messages of this client' })
    }
    return undefined
  }

  #begin(peer: Peer, incoming: Incoming): void {
    const exchange = exchangeOf(peer, incoming)
    try {
      if (incoming.kind === 'refused') this.#refuse(exchange, incoming.refusal)
      else if (incoming.kind === 'plain') this.#runPlain(exchange, incoming.body)
      else this.#runRouted(exchange, incoming)
    } catch (error) {
      this.#noticeFailure(exchange, error)
    }
  }

  #runPlain(exchange: Exchange, body: Buffer): void {
    this.#readMessage(exchange, body, (message) => {
      const { router, limits } = this.#options
      const [only] = message.elements
      if (message.isArray || only === undefined) {
        runArray(router, message.elements, limits.replyBytesMax, (text) => this.#answer(exchange, text))
      } else {
        router.run(
          only,
          'json',
          (reply) => this.#answer(exchange, textOfReply(reply)),
          (cancel) => noticeParked(exchange, cancel),
        )
      }
    })
  }

  /** The commands of a routed message without a routing key, which the router has to read. */
  #runForRouter(exchange: Exchange, body: Buffer): void {
    this.#readMessage(exchange, body, ({ isArray, elements }) => {
      if (!isArray) return this.#refuse(exchange, bodyIsNoArray())
      const { router, limits } = this.#options
      runArray(router, elements, limits.replyBytesMax, (text) => this.#answer(exchange, text))
    })
  }

  #runRouted(exchange: Exchange, { routingKey, body, sentAs, isSpread, numbered }: RoutedMessage): void {
    const { router, limits } = this.#options
    if (isSpread) this.#runSpread(exchange, routingKey, body, sentAs, numbered)
    else if (sentAs === 'json') {
      if (routingKey === '') this.#runForRouter(exchange, body)
      else this.#runText(exchange, routingKey, body, numbered)
    } else if (routingKey === '') {
      runPackedForRouter(router, body, sentAs, limits.commandsPerMessageMax, (reply) =>
        this.#answerPacked(exchange, reply),
      )
    } else this.#runPacked(exchange, routingKey, body, sentAs, numbered)
  }

  /** The body goes to the shard of the routing key as it is, where the other names are, too. */
  #runSpread(
    exchange: Exchange,
    routingKey: string,
    body: Buffer,
    sentAs: RoutedCodec,
    numbered: Numbered | undefined,
  ): void {
    const content = sentAs === 'json' ? textOf(body) : new Uint8Array(body)
    if (typeof content === 'object' && 'code' in content) return this.#refuse(exchange, content)
    const respond: Respond = (reply, early) => {
      if (early === undefined) this.#answer(exchange, textOfReply(reply))
      else this.#answerEarly(exchange, textOfReply(reply), early)
    }
    this.#options.router.runRouted(routingKey, `${sentAs}-spread`, content, respond, undefined, numbered)
  }

  /** A MessagePack body goes to its shard as it is, unless it holds a list so long that it has to travel in slices. */
  #runPacked(
    exchange: Exchange,
    routingKey: string,
    body: Buffer,
    sentAs: PackedCodec,
    numbered: Numbered | undefined,
  ): void {
    const { router, parser } = this.#options
    const runWhole = (): void => {
      // Its own bytes: what is posted to a thread takes the whole buffer under it along.
      router.runRouted(
        routingKey,
        sentAs,
        new Uint8Array(body),
        (reply) => this.#answer(exchange, textOfReply(reply)),
        (cancel) => noticeParked(exchange, cancel),
        numbered,
      )
    }
    if (parser === undefined || body.length <= routedBytesMax) return runWhole()
    this.#apart(exchange, parser.readLongBody(body, true, routingKey), (element) => {
      if (element === undefined) return runWhole()
      runPackedElement(router, element, sentAs, numbered, (reply) => this.#answerPacked(exchange, reply))
    })
  }

  #answerPacked(exchange: Exchange, reply: Uint8Array | Refusal): void {
    if ('code' in reply) this.#refuse(exchange, reply)
    else this.#answer(exchange, [reply])
  }

  #runText(exchange: Exchange, routingKey: string, body: Buffer, numbered: Numbered | undefined): void {
    const text = textOf(body)
    if (typeof text !== 'string') return this.#refuse(exchange, text)
    if (!/^[ \t\n\r]*\[/.test(text)) return this.#refuse(exchange, problemOfText(text))
    const { router, parser } = this.#options
    const runWhole = (): void =>
      router.runRouted(
        routingKey,
        'json',
        text,
        (reply) => this.#answer(exchange, textOfReply(reply)),
        (cancel) => noticeParked(exchange, cancel),
        numbered,
      )
    if (parser === undefined || body.length <= routedBytesMax) return runWhole()
    this.#apart(exchange, parser.readLongBody(body, false, routingKey), (element) => {
      if (element === undefined) return runWhole()
      router.run(element, 'json', (reply) => this.#answer(exchange, arrayOf([textOfReply(reply)])), undefined, numbered)
    })
  }

  /** Reads the commands of a message: a small one here and now, a large one elsewhere. */
  #readMessage(exchange: Exchange, body: Buffer, run: (message: Message) => void): void {
    const { limits, parser } = this.#options
    const isLarge = body.length > limits.inlineParseBytesMax
    if (isLarge && parser !== undefined) return this.#apart(exchange, parser.takeApart(body), run)
    const message = readMessage(body, { commandsMax: limits.commandsPerMessageMax, sliceRows: isLarge })
    if ('code' in message) this.#refuse(exchange, message)
    else run(message)
  }

  /** Goes on when a large message was taken apart; until then the later ones of its client wait. */
  #apart<Parts extends object | undefined>(
    exchange: Exchange,
    parts: Promise<Parts | Refusal>,
    run: (parts: Parts) => void,
  ): void {
    const { peer } = exchange
    peer.isHeld = true
    this.#large += 1
    parts
      .catch((error: unknown) => {
        this.#options.log.warn(
          { event: 'large_message_failed', error: String(error) },
          'a large message could not be taken apart',
        )
        return refusal('OVERLOADED', { what: 'the parser' })
      })
      .then((message) => {
        if (message !== undefined && 'code' in message) this.#refuse(exchange, message)
        else run(message)
      })
      .catch((error: unknown) => this.#noticeFailure(exchange, error))
      .finally(() => {
        this.#large -= 1
        this.#resume(peer)
      })
  }

  /** Takes up what a client sent meanwhile, up to its next large message, and not all of it in one turn. */
  #resume(peer: Peer): void {
    peer.isHeld = false
    for (let begun = 0; !peer.isHeld; begun += 1) {
      if (begun === resumedPerTurn) {
        peer.isHeld = true
        setImmediate(() => this.#resume(peer))
        return
      }
      const incoming = peer.waiting.shift()
      if (incoming === undefined) return
      peer.waitingBytes -= incoming.bytes
      this.#begin(peer, incoming)
    }
  }

  #noticeFailure(exchange: Exchange, error: unknown): void {
    this.#options.log.error({ event: 'message_failed', error: String(error) }, 'a message could not be handled')
    this.#refuse(exchange, refusal('OUTCOME_UNKNOWN', { reason: 'the front end failed' }))
  }

  #refuse(exchange: Exchange, refused: Refusal): void {
    this.#refused += 1
    this.#answer(exchange, JSON.stringify(refusalReply(refused)))
  }

  /** Sends the one reply of a message. Whatever comes after it is a mistake, and not sent. */
  #answer(exchange: Exchange, text: ReplyText): void {
    if (exchange.isAnswered) return
    exchange.isAnswered = true
    if (exchange.cancel !== undefined) exchange.peer.parked.delete(exchange.cancel)
    // ZeroMQ sends a short Buffer with half the effort that a string costs it.
    if (typeof text === 'string') return this.#write(exchange, Buffer.from(text))
    const [only] = text
    if (text.length === 1 && only !== undefined) return this.#write(exchange, bufferOver(only))
    joinChunks(text).then(
      (body) => this.#write(exchange, body),
      (error: unknown) => {
        exchange.isAnswered = false
        this.#noticeFailure(exchange, error)
      },
    )
  }

  /** Sends some replies ahead; they are small, and in one piece. */
  #answerEarly(exchange: Exchange, text: ReplyText, places: readonly number[]): void {
    const body = typeof text === 'string' ? Buffer.from(text) : Buffer.concat(text)
    const frames = this.#framesOf(exchange, body, writePlaces(places))
    this.#options.writer.write(exchange.peer, { frames, bytes: body.length })
  }

  #write(exchange: Exchange, body: Buffer): void {
    const { peer } = exchange
    peer.inFlight -= 1
    this.#inFlight -= 1
    this.#options.writer.write(peer, { frames: this.#framesOf(exchange, body), bytes: body.length })
    if (this.#inFlight === 0) this.#noticeAnswered()
  }

  #framesOf({ peer, isDelimited, prefix }: Exchange, body: Buffer, early?: Buffer): Buffer[] {
    const { instance } = this.#options.router
    const frames = [peer.identity]
    if (isDelimited) frames.push(emptyFrame)
    if (prefix !== undefined) {
      // The body of a routed message that ran is an array; only a refusal of all of it is an object.
      const isError = body[0] === openingBrace
      frames.push(writeReplyHeader({ ...prefix, isError, isEarly: early !== undefined, instance }))
    }
    if (early !== undefined) frames.push(early)
    frames.push(body)
    return frames
  }

  #noticeAnswered(): void {
    for (const answered of this.#answeredWaiters) answered()
    this.#answeredWaiters.clear()
  }
}

function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function bodyIsNoArray(): Refusal {
  return invalidRequest('the body of a routed message must be an array of commands')
}

/** What is wrong with the body of a routed message that does not begin as an array. */
function problemOfText(text: string): Refusal {
  const parsed = parseJson(text)
  return 'code' in parsed ? parsed : bodyIsNoArray()
}
