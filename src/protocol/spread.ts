// A body whose commands are on several names: `[name, commands, name, commands, ...]`, in either codec, each name a state or
// lock of one and the same shard, followed by the array of its commands. The replies are one array, in the order of the
// commands. Written by clients, read by the shard; the router reads none of it.
import type { CodecCommand } from './codec.ts'
import { invalidRequest, tooManyCommands } from './envelope.ts'
import type { Refusal } from './errors.ts'
import type { SentAs } from './mailbox.ts'
import type { JsonValue } from './value.ts'

/** A command and the name that it is on. */
export interface NamedCommand extends CodecCommand {
  readonly routingKey: string
}

/** By which HELLO says that such bodies are understood. */
export const spreadFeature = 'spread'

/** The commands of a body in their order, and the name of each. */
export interface SpreadCommands {
  readonly commands: JsonValue[]
  readonly keys: string[]
}

export function isSpread(sentAs: SentAs | 'part'): boolean {
  return sentAs === 'msgpack-spread' || sentAs === 'json-spread' || sentAs === 'msgpack-maps-spread'
}

/** Takes a body apart. Whether the names are good, and live here, is for the shard to say, name by name. */
export function readSpread(body: readonly JsonValue[], commandsMax: number): SpreadCommands | Refusal {
  if (body.length === 0) return invalidRequest('a message needs at least one command')
  if (body.length % 2 !== 0) return misshapen('each name is followed by its commands')
  // Each name has a command at least, so this bounds what is looked at.
  if (body.length > commandsMax * 2) return tooManyCommands(commandsMax)
  const commands: JsonValue[] = []
  const keys: string[] = []
  for (let index = 0; index < body.length; index += 2) {
    const name = body[index]
    const run = body[index + 1]
    if (typeof name !== 'string') return misshapen('each name is a string')
    if (!Array.isArray(run) || run.length === 0)
      return misshapen('the commands on a name are an array that is not empty')
    if (commands.length + run.length > commandsMax) return tooManyCommands(commandsMax)
    for (const command of run) {
      commands.push(command)
      keys.push(name)
    }
  }
  return { commands, keys }
}

/** A body of commands, encoded one by one by `encoded`: those that follow each other on one name share it. */
export function spreadOf<Encoded>(
  commands: readonly NamedCommand[],
  encoded: (command: NamedCommand) => Encoded,
): (string | Encoded[])[] {
  const body: (string | Encoded[])[] = []
  let lastKey: string | undefined
  let run: Encoded[] = []
  for (const command of commands) {
    if (command.routingKey !== lastKey) {
      lastKey = command.routingKey
      run = []
      body.push(lastKey, run)
    }
    run.push(encoded(command))
  }
  return body
}

function misshapen(rule: string): Refusal {
  return invalidRequest(`the body of a message on several names is [name, commands, name, commands, ...]: ${rule}`)
}
