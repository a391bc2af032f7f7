// Undo a workflow step: a snapshot before each step that may go wrong, and back to it when it did.
//
//   node dist/examples/undo.js [ENDPOINT]
import { connect } from 'holdfast/client'

interface Price {
  id: string
  cents: number
}

const client = await connect(process.argv[2])
const workflow = client.keys<string>('examples:workflow')
const prices = client.table<Price>('examples:prices')
await prices.create().catch(() => {})
await prices.replace([
  { id: 'tea', cents: 300 },
  { id: 'coffee', cents: 450 },
])
await workflow.set('step', 'prices are set')
const states = [workflow.name, prices.name]
await client.snapshots.create('examples:step1', { states })

await workflow.set('step', 'prices are raised')
for await (const { id, cents } of prices.list()) await prices.set(id, { cents: cents * 2 })
await client.snapshots.create('examples:step2', { states })
const tell = async (): Promise<void> =>
  console.log(`${(await workflow.get('step')) ?? '?'}: tea is ${(await prices.get('tea'))?.cents} cents`)
await tell()

// The next step goes wrong halfway: some of it is done, some is not.
await workflow.set('step', 'prices are gone')
await prices.delete('tea')
await tell()

const back = await client.snapshots.restore('examples:step2')
console.log(`back to ${back.label}: ${back.states} states, ${back.records} records`)
await tell()
await client.snapshots.restore('examples:step1', { states: [prices.name] })
await tell()
for (const { label } of await client.snapshots.list())
  if (label.startsWith('examples:')) await client.snapshots.delete(label)
await client.close()
