// Where the daemon listens, as people write it: `tcp://HOST:PORT`, `ipc://PATH`, and `HOST:PORT` for HTTP. The one place
// that decides whether such a text is well formed, and whether other machines could reach what listens there.
import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Where a daemon takes commands, and is looked for, if nothing else is said. */
export const defaultEndpoint = 'tcp://127.0.0.1:5560'

/** Where a daemon publishes what happens, if nothing else is said. */
export const defaultFeedEndpoint = 'tcp://127.0.0.1:5561'

export interface Address {
  /** A name or an IP address; an IPv6 address without its brackets. */
  readonly host: string
  readonly port: number
}

export type Endpoint = ({ readonly transport: 'tcp' } & Address) | { readonly transport: 'ipc'; readonly path: string }

/** Reads a ZeroMQ endpoint; undefined if it is none. The host may be `*`: every address of this machine. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, transport, rest = ''] = /^(tcp|ipc):\/\/(\P{Cc}+)$/u.exec(text) ?? []
  if (transport === 'ipc') return { transport, path: rest }
  if (transport !== 'tcp') return undefined
  const address = parseAddress(rest.replace(/^\*:/, '0.0.0.0:'))
  return address && { transport, ...address }
}

/** Reads `HOST:PORT`; undefined if it is malformed. Port 0 stands for any free port. */
export function parseAddress(text: string): Address | undefined {
  const parts = /^(?:\[([^\]]+)\]|([\w.-]+)):(\d{1,5})$/.exec(text)
  if (parts === null) return undefined
  const [, bracketed, plain = '', digits] = parts
  const port = Number(digits)
  // What consists of digits and dots is meant as an address, and must be one.
  const isHost = bracketed === undefined ? !/^[\d.]+$/.test(plain) || isIPv4(plain) : isIPv6(bracketed)
  return isHost && port <= 65_535 ? { host: bracketed ?? plain, port } : undefined
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** True if only programs on this machine can reach what listens there. */
export function isLocal(endpoint: Endpoint | Address): boolean {
  if (!('host' in endpoint)) return true
  const { host } = endpoint
  if (host.toLowerCase() === 'localhost') return true
  return (isIPv4(host) && loopback.check(host, 'ipv4')) || (isIPv6(host) && loopback.check(host, 'ipv6'))
}
