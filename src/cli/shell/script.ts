// The shell without a terminal: inputs from a pipe or a file, one after the other, their replies in the same order.
// Replies go to standard output; what was not understood, and what has to be known besides, to standard error.
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { Misuse, Problem } from '../../base/problem.ts'
import type { JsonObject } from '../../protocol/value.ts'
import { NoReply } from '../connection.ts'
import { statusOf, tell } from '../errors.ts'
import { escapedJson } from '../escape.ts'
import { helpFor } from './help.ts'
import { type Input, InputReader } from './input.ts'
import type { Look } from './look.ts'
import { drawMachine } from './machine.ts'
import { renderReply } from './render.ts'
import type { Session } from './session.ts'

export interface ScriptOptions {
  readonly session: Session
  readonly input: Readable
  readonly look: Look
  /** Prints each reply as it is, in one line. */
  readonly json: boolean
  readonly stopOnError: boolean
}

/** Resolves to the exit status, that of the worst. Without a reply nobody knows whether to go on, so that is the end. */
export async function runScript(options: ScriptOptions): Promise<number> {
  try {
    return await runLines(options)
  } finally {
    // Whoever still writes must not keep a script alive that has ended.
    options.input.destroy()
  }
}

async function runLines(options: ScriptOptions): Promise<number> {
  const reader = new InputReader()
  let status = 0
  let line = 0
  let firstLine = 0
  for await (const text of createInterface({ input: options.input, crlfDelay: Number.POSITIVE_INFINITY })) {
    line += 1
    if (!reader.isOpen) firstLine = line
    const input = reader.read(text)
    if (input.kind === 'exit') return status
    try {
      status = Math.max(status, await run(input, firstLine, options))
    } catch (error) {
      if (!(error instanceof NoReply)) throw error
      return Math.max(status, tell(new Problem(`line ${firstLine}: ${error.message}`, error.advice)))
    }
    if (options.stopOnError && status > 0) return status
  }
  return reader.isOpen ? tell(new Misuse(`line ${firstLine}: its brackets are not closed.`)) : status
}

/** Resolves to the exit status for this one. */
async function run(input: Input, line: number, { session, look, json }: ScriptOptions): Promise<number> {
  if (input.kind === 'complaint') return tell(new Misuse(`line ${line}: ${input.problem}`, input.advice))
  if (input.kind === 'help') print(helpFor(input.topic, look))
  if (input.kind !== 'message') return 0
  const { reply, notice } = await session.send(input.text)
  if (notice !== undefined) process.stderr.write(`holdfast: ${notice}\n`)
  const status = statusOf(reply)
  if (input.drawing !== undefined && status === 0 && !json) {
    const drawn = drawMachine(reply as JsonObject, input.drawing, look)
    if (typeof drawn !== 'string') return tell(new Problem(`line ${line}: ${drawn.message}`, drawn.advice))
    print(drawn)
    return status
  }
  print(json ? escapedJson(reply) : renderReply(reply, look))
  return status
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
