// Programs that are not npm packages and that some tests need: pyzmq, promtool, redis-server, tmux, gcc.
// A missing one skips its tests on a developer's machine, and fails them where HOLDFAST_REQUIRE_PEERS=1, as in CI:
// a promise about real clients must not go unchecked because a machine was set up badly.

import { spawnSync } from 'node:child_process'
import { describe, it } from 'vitest'

/** The command of a Python 3 that can import pyzmq. Debian's own is asked too, as pyenv's may stand before it. */
export function pythonWithZmq(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => succeeds(python, ['-c', 'import zmq']))
}

/** The same for pyzmq and the MessagePack library, together. */
export function pythonWithMessagePack(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => succeeds(python, ['-c', 'import zmq, msgpack']))
}

/** The command of Prometheus's checker for metrics, rules and rule tests. */
export function promtool(): string | undefined {
  return ['promtool'].find((command) => succeeds(command, ['--version']))
}

/** The command of a Redis server, the peer that the benchmarks compare with. */
export function redisServer(): string | undefined {
  return ['redis-server'].find((command) => succeeds(command, ['--version']))
}

/** The command of a terminal in a program, in which the shell is tried as a person would. */
export function tmux(): string | undefined {
  return ['tmux'].find((command) => succeeds(command, ['-V']))
}

/** A `describe` whose tests need `found`, the command of a peer; see the top of this file for when it is missing. */
export function describeWithPeer(name: string, found: string | undefined, tests: (command: string) => void): void {
  if (found !== undefined) {
    describe(name, () => tests(found))
  } else if (process.env['HOLDFAST_REQUIRE_PEERS'] === '1') {
    it(`${name}: finds the program that it needs`, () => {
      throw new Error('the program was not found, and HOLDFAST_REQUIRE_PEERS=1 asks for every peer (see .ci/run)')
    })
  } else {
    it.skipIf(true)(`${name} (the program that it needs is not installed)`, () => {})
  }
}

function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 10_000 }).status === 0
}
