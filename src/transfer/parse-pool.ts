// The stateless threads that parse a file while this one talks to the daemon. Chunks go in one by one and may be answered in
// any order; whoever takes them keeps theirs.
import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import type { Chunk } from './chunks.ts'
import type { Layout, ParsedLine, ParseTask } from './parse.ts'

/** Parsing is quick beside what the daemon does with the rows; more threads would only wait. */
const threadsMax = 2

export class ParsePool {
  readonly #pool: Piscina

  constructor() {
    // Tests run the sources, but threads always run what was built.
    const entry = import.meta.url.endsWith('.ts') ? '../../dist/workers/import.js' : '../../workers/import.js'
    this.#pool = new Piscina({
      filename: new URL(entry, import.meta.url).href,
      minThreads: 1,
      maxThreads: Math.min(threadsMax, Math.max(1, availableParallelism() - 1)),
      recordTiming: false,
    })
    // What fails with a task rejects that task; a thread that dies in between is replaced.
    this.#pool.on('error', () => {})
  }

  /** The memory of the chunk is given away. */
  parse({ bytes, firstLine }: Chunk, layout: Layout): Promise<ParsedLine[]> {
    const task: ParseTask = { bytes, firstLine, layout }
    return this.#pool.run(task, { transferList: [bytes.buffer] }) as Promise<ParsedLine[]>
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}
