// What counts as a place to listen, and which of them other machines can reach: the second decides about security.
import { describe, expect, it } from 'vitest'
import { formatAddress, isLocal, parseAddress, parseEndpoint } from '../../src/base/endpoint.ts'

describe('an endpoint', () => {
  it.each([
    ['tcp://127.0.0.1:5560', { transport: 'tcp', host: '127.0.0.1', port: 5560 }],
    ['tcp://localhost:0', { transport: 'tcp', host: 'localhost', port: 0 }],
    ['tcp://[::1]:65535', { transport: 'tcp', host: '::1', port: 65_535 }],
    ['tcp://*:5560', { transport: 'tcp', host: '0.0.0.0', port: 5560 }],
    ['tcp://db-1.example.org:1', { transport: 'tcp', host: 'db-1.example.org', port: 1 }],
    ['ipc:///run/holdfast.sock', { transport: 'ipc', path: '/run/holdfast.sock' }],
  ])('is read: %s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint)
  })

  it.each([
    '',
    'tcp://',
    'tcp://127.0.0.1',
    'tcp://:5560',
    'tcp://127.0.0.1:',
    'tcp://127.0.0.1:65536',
    'tcp://127.0.0.1:*',
    'tcp://127.0.0.1:5560/x',
    'tcp://127.0.0.1.5:5560',
    'tcp://1:5560',
    'tcp://::1:5560',
    'tcp://[127.0.0.1]:5560',
    'tcp://a b:5560',
    ' tcp://127.0.0.1:5560',
    'TCP://127.0.0.1:5560',
    'udp://127.0.0.1:5560',
    '127.0.0.1:5560',
    'ipc://',
    'ipc:///a\nb',
  ])('is none: %j', (text) => {
    expect(parseEndpoint(text)).toBeUndefined()
  })
})

describe('an address', () => {
  it('is written as it is read', () => {
    for (const text of ['127.0.0.1:9560', '[::1]:0', 'localhost:80']) {
      expect(formatAddress(parseAddress(text) ?? { host: '', port: 0 })).toBe(text)
    }
  })

  it.each([
    '127.0.0.1:1',
    '127.9.9.9:1',
    'localhost:1',
    'LocalHost:1',
    '[::1]:1',
    '[0:0::1]:1',
    '[::ffff:127.0.0.1]:1',
  ])('is of this machine only: %s', (text) => {
    expect(isLocal(parseAddress(text) ?? { host: '', port: 0 })).toBe(true)
  })

  it.each([
    '0.0.0.0:1',
    '[::]:1',
    '10.0.0.1:1',
    '128.0.0.1:1',
    '[fe80::1]:1',
    '[::ffff:10.0.0.1]:1',
    'localhost.org:1',
  ])('can be reached from elsewhere: %s', (text) => {
    expect(isLocal(parseAddress(text) ?? { host: 'localhost', port: 0 })).toBe(false)
  })

  it('is of this machine only where it is a path', () => {
    expect(isLocal({ transport: 'ipc', path: '/run/holdfast.sock' })).toBe(true)
  })
})
