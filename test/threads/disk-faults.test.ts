// Real daemons on disks that fail for real: what each failure of a commit makes its caller hear, and that afterwards the
// shard has exactly what it said.
import { expect, it, onTestFinished } from 'vitest'
import { type Client, connect } from '../../src/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { type DiskFault, FaultyDisk } from '../support/faulty-disk.ts'
import { describeWithPeer } from '../support/peers.ts'
import { type Program, startDaemon } from '../support/program.ts'
import { compiler } from '../support/shim.ts'
import { folderOfTest } from '../support/sqlite.ts'

const state = 's'

class Tried {
  readonly disk: FaultyDisk
  readonly #durability: string
  #program: Program | undefined
  #client: Client | undefined

  constructor(durability: string) {
    this.disk = new FaultyDisk(folderOfTest())
    this.#durability = durability
  }

  get deaths(): number {
    return (this.#program?.log ?? []).filter(({ msg }) => msg === 'a shard died and is started again').length
  }

  async start(): Promise<void> {
    const args = ['--data', folderOfTest(), '--shards', '1', '--durability', this.#durability]
    const { program, endpoint } = await startDaemon(args, { environment: this.disk.environment })
    this.#program = program
    this.#client = await connect(endpoint, { retry: false })
    onTestFinished(async () => {
      await this.#client?.close()
      await program.end()
    })
  }

  /** Answers with `ok`, or the code of a refusal. */
  async write(key: string): Promise<string> {
    try {
      await this.#client?.call({ cmd: 'SET_KEY', state, key, value: key.repeat(2_000) })
      return 'ok'
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  async keys(): Promise<string[]> {
    const { keys } = (await this.#client?.call({ cmd: 'LIST_KEYS', state })) ?? {}
    return keys as string[]
  }

  async isBack(): Promise<void> {
    await eventually('the shard serves again', async () => (await this.write('z')) === 'ok')
  }
}

describeWithPeer('a disk that fails in the middle of a commit', compiler(), () => {
  it('ends the shard, which starts again with the truth, but for want of space, which is refused', async () => {
    const tried = new Tried('strict')
    await tried.start()
    expect(await tried.write('a')).toBe('ok')
    // Nobody knows what became of these: not forced onto the disk, and torn in the middle.
    const faults: DiskFault[] = [
      { call: 'fsync', part: '.db-wal', times: 1, error: 'EIO' },
      { call: 'write', part: '.db-wal', skipped: 3, times: 1, error: 'EIO' },
    ]
    for (const [index, fault] of faults.entries()) {
      const before = await tried.keys()
      tried.disk.fail(fault)
      expect(await tried.write(`b${index}`)).toBe('OUTCOME_UNKNOWN')
      await tried.isBack()
      expect(tried.deaths).toBe(index + 1)
      const found = await tried.keys()
      expect(found.filter((key) => key !== `b${index}` && key !== 'z')).toEqual(before.filter((key) => key !== 'z'))
    }
    const before = await tried.keys()
    tried.disk.fail({ call: 'write', part: '.db-wal', skipped: 2, times: 1_000, error: 'ENOSPC' })
    expect(await tried.write('c')).toBe('STORAGE_FULL')
    expect(await tried.keys()).toEqual(before)
    tried.disk.heal()
    await tried.isBack()
    expect(await tried.keys()).toEqual(before)
    expect(tried.deaths).toBe(faults.length)
  })
})

describeWithPeer('a disk that cannot secure what relaxed mode had acknowledged', compiler(), () => {
  it('ends the shard with the next write, and loses nothing as long as the system lives', async () => {
    const tried = new Tried('relaxed')
    await tried.start()
    tried.disk.fail({ call: 'fsync', part: 'shard-0.db', times: 1, error: 'EIO' })
    const acknowledged: string[] = []
    await eventually('a write meets the failure', async () => {
      const key = `k${acknowledged.length}`
      const code = await tried.write(key)
      if (code === 'ok') acknowledged.push(key)
      else expect(code).toBe('OUTCOME_UNKNOWN')
      return code !== 'ok'
    })
    await tried.isBack()
    expect(tried.deaths).toBe(1)
    expect(await tried.keys()).toEqual(expect.arrayContaining(acknowledged))
  })
})
