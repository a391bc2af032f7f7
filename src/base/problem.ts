// Problems that the person who started the program can act on: they are told in words, without a stack. Thrown where the
// problem is found and caught only at the top of the command line.

export class Problem extends Error {
  override readonly name: string = 'Problem'
  /** What the reader can do now, in one sentence; it stands on a line of its own. */
  readonly advice: string | undefined

  constructor(message: string, advice?: string) {
    super(message)
    this.advice = advice
  }
}

/** The program was started in a way that cannot be meant: a bad option, a bad value, a file that cannot be read. */
export class Misuse extends Problem {
  override readonly name = 'Misuse'
}
