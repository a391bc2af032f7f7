// The least that a server on zeromq.js can be: a ROUTER that sends every message back as it came. What it costs is what
// ZeroMQ and Node cost; a daemon on them can only be slower.
import { Router } from 'zeromq'

const socket = new Router({ linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 })
await socket.bind('tcp://127.0.0.1:*')
process.stdout.write(`${socket.lastEndpoint}\n`)
for await (const frames of socket) await socket.send(frames)
