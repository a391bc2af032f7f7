// Credit between two parties: what one gives the other gets, and both accounts name the payment. All of it happens or none.
//
//   node dist/examples/credit.js [ENDPOINT]
import { connect, HoldfastError } from 'holdfast/client'

const client = await connect(process.argv[2])
// A state for each party, so that they are spread over the shards.
const account = (who: string) => client.keys<number>(`examples:credit/${who}`)
for (const who of ['alice', 'bob']) await account(who).clear()
await account('alice').set('credit', 100)

/** Moves credit, if there is enough of it: a payment that is sent twice by its number is made once. */
async function pay(from: string, to: string, amount: number, payment: string): Promise<string> {
  const before = await account(from).entry('credit')
  if ((before?.value ?? 0) < amount) return `${payment}: ${from} has not ${amount}`
  try {
    const [left, got] = await client.transaction((tx) => {
      // Nobody else has spent any of it meanwhile.
      void tx.check({ state: account(from).name, key: 'credit', version: before?.version })
      void tx.keys(account(from).name).createIfNotExists(`payments/${payment}`, { to, amount })
      void tx.keys(account(to).name).createIfNotExists(`payments/${payment}`, { from, amount })
      return [
        tx.keys(account(from).name).decrement('credit', amount),
        tx.keys(account(to).name).increment('credit', amount),
      ]
    })
    return `${payment}: ${from} has ${left}, ${to} has ${got}`
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'TRANSACTION_FAILED') throw error
    return `${payment}: ${error.message}`
  }
}

console.log(await pay('alice', 'bob', 30, 'p1'))
console.log(await pay('alice', 'bob', 30, 'p1'))
console.log(await pay('alice', 'bob', 300, 'p2'))
// Of two at the same time, one finds that the other was there first.
const [one, other] = await Promise.all([pay('alice', 'bob', 50, 'p3'), pay('alice', 'bob', 50, 'p4')])
console.log([one, other].filter((line) => line.includes('refused')).length, 'of 2 was refused')
const sum = ((await account('alice').get('credit')) ?? 0) + ((await account('bob').get('credit')) ?? 0)
console.log(`together they have ${sum}`)
await client.close()
