// A client as anybody could write it: one DEALER socket, plain JSON messages, replies matched by `request_id`.
// Messages leave in the order of the calls. What is called in one turn may leave as one array.
import { Dealer } from 'zeromq'
import type { JsonObject } from '../../src/protocol/value.ts'

interface Client {
  readonly call: (command: JsonObject) => Promise<JsonObject>
  /** Rejects if the client heard what it had not asked for. */
  readonly close: () => Promise<void>
}

interface DealerOptions {
  /** Whether what is called in one turn leaves as one array. */
  readonly asArrays: boolean
  /** It reads no more after a silence of so long, whether somebody waits or not; -1 for never. */
  readonly silenceMsMax?: number
}

interface Caller {
  readonly resolve: (reply: JsonObject) => void
  readonly reject: (error: unknown) => void
}

/** How long a reply may take before the test fails. */
const replyTimeoutMs = 20_000

export function openDealer(endpoint: string, { asArrays, silenceMsMax = replyTimeoutMs }: DealerOptions): Client {
  const socket = new Dealer({ linger: 0, receiveTimeout: silenceMsMax })
  socket.connect(endpoint)
  const waiting = new Map<number, Caller>()
  let lastNumber = 0
  let gathered: JsonObject[] = []
  // A socket takes one send at a time.
  let sent = Promise.resolve()

  const send = (message: JsonObject | JsonObject[]): void => {
    sent = sent.then(() => socket.send(JSON.stringify(message)))
  }
  const flush = (): void => {
    send(gathered)
    gathered = []
  }

  function call(command: JsonObject): Promise<JsonObject> {
    lastNumber += 1
    const numbered = { ...command, request_id: lastNumber }
    if (!asArrays) send(numbered)
    else if (gathered.push(numbered) === 1) queueMicrotask(flush)
    return new Promise((resolve, reject) => waiting.set(lastNumber, { resolve, reject }))
  }

  function settle({ request_id: number, ...reply }: JsonObject): void {
    const caller = waiting.get(number as number)
    if (caller === undefined) throw new Error(`nobody waits for ${JSON.stringify({ number, ...reply })}`)
    waiting.delete(number as number)
    caller.resolve(reply)
  }

  let failure: unknown
  async function read(): Promise<void> {
    try {
      for await (const frames of socket) {
        const message = JSON.parse(Buffer.concat(frames).toString()) as JsonObject | JsonObject[]
        for (const reply of Array.isArray(message) ? message : [message]) settle(reply)
      }
    } catch (error) {
      failure = error
      for (const { reject } of waiting.values()) reject(error)
    }
  }

  const reading = read()
  return {
    call,
    async close() {
      await sent
      socket.close()
      await reading
      if (failure !== undefined) throw new Error('the client failed', { cause: failure })
    },
  }
}
