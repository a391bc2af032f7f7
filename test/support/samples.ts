// One good command of each kind, for tests that hold for all of them. They are meant for a state with one record.
import type { CommandName } from '../../src/protocol/commands.ts'
import type { JsonObject } from '../../src/protocol/value.ts'

export const samples: Readonly<Record<CommandName, JsonObject>> = {
  PING: {},
  HELLO: {},
  STATS: {},
  CREATE_STATE: { state: 'new', max_length: 3, kind: 'table', schema: { type: 'object' } },
  DELETE_STATE: { state: 'leads' },
  LIST_STATES: { prefix: '', limit: 10, after: '' },
  GET_STATE_INFO: { state: 'leads' },
  GET_SCHEMA: { state: 'leads' },
  SET_STATE: { state: 'leads', data: [{ a: 2 }] },
  CREATE_RECORD: { state: 'leads', data: { a: 2 } },
  SET_RECORD: { state: 'leads', id: 1, data: { a: 2 } },
  PATCH_RECORD: { state: 'leads', id: 1, data: { a: 2 } },
  DELETE_RECORD: { state: 'leads', id: 1 },
  GET_RECORD: { state: 'leads', id: 1 },
  LIST_RECORDS: { state: 'leads', limit: 1, after: 'r0' },
  ALTER_STATE: { state: 'leads', max_length: 5, add_fields: { b: 1 }, drop_fields: [] },
}
