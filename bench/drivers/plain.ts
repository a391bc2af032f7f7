// A client as anybody could write it in an afternoon: one DEALER socket, one plain JSON message for each command, replies
// matched by `request_id`. The echo sends each message back as it is, so the same client can ask it, too.
import { Dealer } from 'zeromq'
import type { JsonObject } from '../../src/protocol/value.ts'
import { forEachNumber, getCommand, leadOf, patchCommand, randomNumbers, tableName } from '../support/workload.ts'
import type { Driver, DriverOptions } from './driver.ts'

const fillingAtATime = 512

export function openPlain({ endpoint, records, tables = [tableName] }: DriverOptions): Driver {
  const socket = new Dealer({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 })
  socket.connect(endpoint)
  const waiting = new Map<number, (reply: JsonObject) => void>()
  const unsent: string[] = []
  let lastNumber = 0
  let isSending = false

  // ZeroMQ takes one send at a time.
  const send = async (): Promise<void> => {
    isSending = true
    for (let message = unsent.shift(); message !== undefined; message = unsent.shift()) await socket.send(message)
    isSending = false
  }
  const call = (command: JsonObject): Promise<JsonObject> => {
    lastNumber += 1
    const number = lastNumber
    unsent.push(JSON.stringify({ ...command, request_id: number }))
    if (!isSending) void send()
    return new Promise((resolve) => waiting.set(number, resolve))
  }
  const receive = async (): Promise<void> => {
    for await (const [message] of socket) {
      const reply = JSON.parse(String(message)) as JsonObject
      if (reply.status === 'error') throw new Error(String(message))
      waiting.get(reply.request_id as number)?.(reply)
      waiting.delete(reply.request_id as number)
    }
  }
  void receive()

  const nextId = randomNumbers(records)
  const nextTable = randomNumbers(tables.length)
  const table = (): string => tables[nextTable() - 1] as string
  return {
    operations: {
      async fill() {
        await forEachNumber(tables.length, fillingAtATime, (number) =>
          call({ cmd: 'CREATE_STATE', state: tables[number - 1] as string }),
        )
        for (let id = 1; id <= records; id += 1) {
          await forEachNumber(tables.length, fillingAtATime, (number) =>
            call({ cmd: 'CREATE_RECORD', state: tables[number - 1] as string, data: { id, ...leadOf(id) } }),
          )
        }
      },
      patch: () => call(patchCommand(table(), nextId())),
      get: () => call(getCommand(table(), nextId())),
    },
    close: () => socket.close(),
  }
}
