// Sessions: what a visitor has, until they leave or have not been seen for a while. Timers end what nobody ends.
//
//   node dist/examples/sessions.js [ENDPOINT]
import { setTimeout as delay } from 'node:timers/promises'
import { connect } from 'holdfast/client'

interface Session {
  user: string
  basket: string[]
}
type State = 'active' | 'over' | 'over.expired' | 'over.left'

const client = await connect(process.argv[2])
const sessions = client.machine<Session, State, 'see' | 'leave'>('examples:sessions')
if ((await client.states()).includes(sessions.name)) await sessions.drop()
await sessions.define({
  initial: 'active',
  states: {
    active: {
      // To be seen is to enter the state anew, and so to begin its half second again.
      on: { see: { target: 'active', reenter: true }, leave: 'over.left' },
      after: { 500: 'over.expired' },
    },
    over: { initial: 'expired', states: { expired: {}, left: {} } },
  },
})
for (const user of ['alice', 'bob', 'carol']) await sessions.create(user, { user, basket: [] })
await sessions.send('bob', 'see', { basket: ['tea'] })
await sessions.send('carol', 'leave')

// Alice is seen all the time, and Bob is not.
let clicks = 0
while (await sessions.is('bob', 'active')) {
  clicks += 1
  await sessions.send('alice', 'see', { basket: [`${clicks} apples`] })
  await delay(20)
}
for (const user of ['alice', 'bob', 'carol']) console.log(user, (await sessions.get(user)).value)
await sessions.send('bob', 'see').catch((error: Error) => console.log(error.message))
console.log(`left in the basket of bob: ${(await sessions.get('bob')).context.basket.join(', ')}`)

// Sessions that are over are kept until somebody has looked at them.
for await (const { id } of sessions.list({ inState: 'over' })) await sessions.delete(id)
for await (const { context } of sessions.list()) console.log(`${context.user} is still there`)
await client.close()
