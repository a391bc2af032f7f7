// The memory journal, held to the contract of all journals.
import { MemoryJournal } from '../../src/journal/memory.ts'
import { describeJournal } from '../contract/journal.ts'
import { KeepingJournal, Store } from '../support/keeping-journal.ts'

describeJournal({
  name: 'the memory journal',
  survivesReopening: false,
  prepare: () => Promise.resolve(() => Promise.resolve(new MemoryJournal())),
})

// The journal that other tests start shards on again is held to the same contract.
describeJournal({
  name: 'the keeping journal of the tests',
  survivesReopening: true,
  prepare: () => {
    const store = new Store()
    return Promise.resolve(() => Promise.resolve(new KeepingJournal(store)))
  },
})
