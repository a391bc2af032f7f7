// Workflow checkpoints: an import in steps, which goes on where it was when its process died, and back when a step is wrong.
//
//   node dist/examples/checkpoints.js [ENDPOINT]
import { connect } from 'holdfast/client'

interface Import {
  rows: number[]
  /** What the step before made, or null where there is nothing yet. */
  total: number | null
}
type Step = 'fetch' | 'convert' | 'publish'
type Event = 'fetched' | 'converted' | 'published' | 'rejected'

const client = await connect(process.argv[2])
const imports = client.machine<Import, Step | 'done', Event>('examples:imports')
if ((await client.states()).includes(imports.name)) await imports.drop()
await imports.define({
  initial: 'fetch',
  states: {
    fetch: { on: { fetched: 'convert' } },
    convert: { on: { converted: 'publish' } },
    publish: { on: { published: 'done', rejected: 'convert' } },
    done: { type: 'final' },
  },
})
await imports.create('monday', { rows: [], total: null })

/** One step, from what the steps before have left. The event that ends it keeps its outcome in the same moment. */
const steps: Readonly<Record<Step, (context: Import) => [event: Event, data: Partial<Import>]>> = {
  fetch: () => ['fetched', { rows: [20, 22, -1] }],
  convert: ({ rows }) => ['converted', { total: rows.reduce((sum, row) => sum + row, 0) }],
  publish: ({ rows, total }) => {
    // Back to the checkpoint before the conversion, without the row that was wrong.
    if (rows.some((row) => row < 0)) return ['rejected', { rows: rows.filter((row) => row >= 0), total: null }]
    console.log(`published: ${total}`)
    return ['published', {}]
  },
}

/** Works until the import is done, or until it has made so many steps and dies. */
async function work(name: string, stepsMax = Number.POSITIVE_INFINITY): Promise<void> {
  for (let made = 0; made < stepsMax; made += 1) {
    const { value, context, done } = await imports.get('monday')
    if (done) return
    const [event, data] = steps[value as Step](context)
    // Were this process only slow, and another one had made the step, it would be told so here.
    const { to } = await imports.send('monday', event, data, { expected: value })
    console.log(`${name}: ${event}, next is ${JSON.stringify(to)}`)
  }
  console.log(`${name} dies`)
}

await work('first', 2)
await work('second')
console.log(`${(await imports.history('monday')).length} steps were made`)
await client.close()
