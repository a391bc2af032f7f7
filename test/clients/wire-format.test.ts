// docs/wire-format.md is true: its test vectors are those of the codec, its opcodes those of the registry, and its Python
// client runs as it stands, with nothing but pyzmq and msgpack.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { commandNames, declarationOf } from '../../src/protocol/commands.ts'
import { writeRequestHeader } from '../../src/protocol/frames.ts'
import { decodeBody, encodePacked, messagePackCodec, packDocumented } from '../../src/protocol/message-pack.ts'
import { daemonOfTest } from '../support/holdfast.ts'
import { describeWithPeer, pythonWithMessagePack } from '../support/peers.ts'

const text = readFileSync(fileURLToPath(new URL('../../docs/wire-format.md', import.meta.url)), 'utf8')
const vectors = [...text.matchAll(/^\| .*? \| `([0-9a-f ]+)`/gm)].map(([, bytes = '']) => bytes.replaceAll(' ', ''))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const patch = { name: 'PATCH_RECORD' as const, args: { id: 1, data: { status: 'won' } } }
const get = { name: 'GET_RECORD' as const, args: { id: 1 } }

describe('the documented bytes', () => {
  it('are those that the codec writes and reads', () => {
    expect(vectors).toHaveLength(8)
    const [withRecords, withMaps, replies, list, header, again, spread, spreadHeader] = vectors
    expect(hex(messagePackCodec.encodeCommands([patch, get]))).toBe(withRecords)
    expect(decodeBody(Buffer.from(withMaps ?? '', 'hex'))).toEqual(decodeBody(Buffer.from(withRecords ?? '', 'hex')))
    const packed = [
      packDocumented('PATCH_RECORD', { status: 'ok', patched: true, version: 2 }),
      packDocumented('GET_RECORD', {
        status: 'ok',
        record: { id: 1, name: 'Ann', status: 'won' },
        revision: 2,
        version: 2,
      }),
    ]
    expect(hex(encodePacked(packed, false))).toBe(replies)
    expect(messagePackCodec.decodeReplies(Buffer.from(replies ?? '', 'hex'), [patch, get])).toEqual([
      { status: 'ok', patched: true, version: 2 },
      { status: 'ok', record: { id: 1, name: 'Ann', status: 'won' }, revision: 2, version: 2 },
    ])
    expect(hex(messagePackCodec.encodeCommands([{ name: 'LIST_RECORDS', args: {} }]))).toBe(list)
    const session = Buffer.alloc(16)
    const numbers = { requestNumber: 7, writeNumber: 0, settled: 0, isAgain: false, isSpread: false, trace: undefined }
    expect(hex(writeRequestHeader({ codec: 2, wantsMaps: true, session, ...numbers }))).toBe(header + '0'.repeat(64))
    const several = [
      { routingKey: 'a', name: 'INCREMENT_KEY' as const, args: { key: 'n' } },
      { routingKey: 'b', name: 'GET_KEY' as const, args: { key: 'n' } },
    ]
    expect(hex(messagePackCodec.encodeSpread(several))).toBe(spread)
    const spreading = { codec: 2, wantsMaps: true, session, ...numbers, isSpread: true }
    expect(hex(writeRequestHeader(spreading))).toBe(spreadHeader + '0'.repeat(64))
    const numbered = { requestNumber: 7, writeNumber: 9, settled: 8, isAgain: true, isSpread: false, trace: undefined }
    const named = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
    expect(hex(writeRequestHeader({ codec: 1, wantsMaps: false, session: named, ...numbered }))).toBe(again)
  })

  it('name every command with its opcode', () => {
    const documented = [...text.matchAll(/`([A-Z_]+)` *\| (\d+)/g)].map(([, name, opcode]) => [name, Number(opcode)])
    const declared = commandNames.map((name) => [name, declarationOf(name).opcode])
    const byOpcode = (rows: readonly (readonly unknown[])[]) => rows.toSorted((a, b) => Number(a[1]) - Number(b[1]))
    expect(byOpcode(documented)).toEqual(byOpcode(declared))
  })
})

describeWithPeer('the documented Python client', pythonWithMessagePack(), (python) => {
  it('prints what the document says', async () => {
    const [, script = '', printed = ''] = /```python\n(.*?)```\n\nIt prints:\n\n```\n(.*?)```/s.exec(text) ?? []
    const lines = script.split('\n').slice(
      0,
      script.split('\n').findIndex((line) => line.startsWith('holdfast =')),
    )
    expect(lines.filter((line) => line.trim() !== '').length, 'it is forty lines long').toBeLessThanOrEqual(40)
    const daemon = await daemonOfTest()
    const here = script.replace('tcp://127.0.0.1:5560', daemon.endpoint)
    const { stdout, stderr } = spawnSync(python, ['-c', here], { encoding: 'utf8', timeout: 20_000 })
    expect(stdout, stderr).toBe(printed)
  })
})
