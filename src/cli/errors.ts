// What the command line says when something cannot be done: what, why, and what to do now. Exit statuses are decided here.
import { defaultEndpoint } from '../base/endpoint.ts'
import { Misuse, Problem } from '../base/problem.ts'
import { isObject, type JsonValue } from '../protocol/value.ts'
import { extensionProblemPrefix } from '../shard/extension.ts'

export const failureStatus = 1
export const misuseStatus = 2

/** Tells an error on standard error and returns the exit status for it. What nobody foresaw keeps its stack. */
export function tell(error: unknown): number {
  if (!(error instanceof Problem)) {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stderr.write(`holdfast: something went wrong that should not have: ${trace}\n`)
    return failureStatus
  }
  const { message, advice } = error
  process.stderr.write(`holdfast: ${message}\n${advice === undefined ? '' : `  ${advice}\n`}`)
  return error instanceof Misuse ? misuseStatus : failureStatus
}

/** The exit status for a reply: that of a list is good only if every reply in it is. */
export function statusOf(reply: JsonValue): number {
  return [reply].flat().every((part) => isObject(part) && part.status === 'ok') ? 0 : failureStatus
}

/** `option` is the one with which another place can be chosen. */
export function listenProblem(place: string, option: '--bind' | '--feed' | '--metrics', error: unknown): Problem {
  const { code = '', message } = error as NodeJS.ErrnoException
  const isFile = place.startsWith('ipc://')
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: isFile ? 'another program listens there' : 'the port is in use',
    EACCES: 'this user has no permission',
    EADDRNOTAVAIL: 'no network interface of this machine has that address',
    ENODEV: 'that host is not known here',
    ENOTFOUND: 'that host is not known here',
    EAI_AGAIN: 'that host is not known here',
    ENOENT: 'there is no such folder',
    ENAMETOOLONG: 'the path is too long for a socket',
  }
  const question = `holdfast call${place === defaultEndpoint ? '' : ` --endpoint ${place}`} '{"cmd":"HELLO"}'`
  const advice: Readonly<Record<string, string>> = {
    EADDRINUSE:
      option === '--bind'
        ? `Another holdfast may be running there (${question} asks it), or choose ${isFile ? 'another path' : 'a port'} with --bind.`
        : `Another holdfast may be running, or choose ${isFile ? 'another path' : 'another port'} with ${option}, or ${option} off.`,
    EACCES: isFile
      ? `Choose a path in a folder of your own with ${option}.`
      : `Choose a port above 1023 with ${option}.`,
  }
  return new Problem(
    `cannot listen on ${place}: ${reasons[code] ?? message}.`,
    advice[code] ?? `Choose another with ${option}.`,
  )
}

/** The error of an engine that could not start, in words where an extension is the reason. */
export function extensionProblem(error: unknown): unknown {
  const { message } = error as Error
  if (!message.startsWith(extensionProblemPrefix)) return error
  return new Misuse(message, 'Give a file with --extension that exports validate, onTransition or onChange.')
}
