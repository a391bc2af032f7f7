// What is done with machines: events of instances, and patches of a field that follows one, beside those of a field that
// does not. Called by holdfast.ts.
import type { Client } from '../../src/client/index.ts'
import type { JsonObject } from '../../src/protocol/value.ts'
import type { Operation } from '../support/load.ts'
import { expectSame, forEachNumber, leadOf } from '../support/workload.ts'

/** Calls that are in flight while states are filled. */
const fillingAtATime = 4_096
const statuses = ['open', 'busy', 'done'] as const
const definition: JsonObject = {
  initial: 'open',
  states: { open: { on: { NEXT: 'busy' } }, busy: { on: { NEXT: 'done' } }, done: { on: { NEXT: 'open' } } },
}

export function machineOperations(client: Client, records: number): Record<string, Operation> {
  const moves = { bound: movesOf(records), plain: movesOf(records) }
  let turn = 0
  const patch = (state: keyof typeof moves): Promise<JsonObject> => {
    const { id, status } = moves[state]()
    return client.call({ cmd: 'PATCH_RECORD', state, id, data: { status } })
  }
  return {
    async fillMachines() {
      await client.call({ cmd: 'CREATE_STATE', state: 'machine', kind: 'machine', definition })
      await client.call({ cmd: 'CREATE_STATE', state: 'bound', machine: { field: 'status', definition } })
      await client.call({ cmd: 'CREATE_STATE', state: 'plain' })
      await forEachNumber(records, fillingAtATime, (id) => {
        const data = { id, ...leadOf(id), status: statuses[0] }
        const created = ['bound', 'plain'].map((state) => client.call({ cmd: 'CREATE_RECORD', state, data }))
        return Promise.all([client.call({ cmd: 'CREATE_INSTANCE', state: 'machine', id }), ...created])
      })
      const { current_length: length } = await client.call({ cmd: 'GET_STATE_INFO', state: 'machine' })
      expectSame('the number of instances', length, records)
    },
    sendEvent: () => {
      turn = (turn + 1) % records
      return client.call({ cmd: 'SEND_EVENT', state: 'machine', id: turn + 1, event: 'NEXT' })
    },
    patchBound: () => patch('bound'),
    patchPlain: () => patch('plain'),
  }
}

/** Records one after another, each with the status that comes next in its circle. */
function movesOf(records: number): () => { id: number; status: string } {
  let count = 0
  return () => {
    count += 1
    const round = 1 + Math.floor((count - 1) / records)
    return { id: 1 + ((count - 1) % records), status: statuses[round % statuses.length] as string }
  }
}
