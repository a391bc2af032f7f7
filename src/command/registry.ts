// Who decides which command: exhaustive by type over the commands that shards run. Imported by the shard alone.
import type { CommandsOn, Target } from '../protocol/commands.ts'
import { alterCommands } from './alter.ts'
import { changeCommands } from './changes.ts'
import { conditionalKeyCommands } from './conditional-keys.ts'
import type { Deciders } from './decide.ts'
import { definitionCommands } from './definitions.ts'
import { instanceCommands } from './instances.ts'
import { keyNameCommands } from './key-names.ts'
import { keyCommands } from './keys.ts'
import { listCommands } from './lists.ts'
import { lockCommands } from './locks.ts'
import { recordCommands } from './records.ts'
import { replaceCommands } from './replace.ts'
import { stateCommands } from './states.ts'

export type ShardCommand = CommandsOn<Target>

export const deciders: Deciders<ShardCommand> = {
  ...stateCommands,
  ...recordCommands,
  ...replaceCommands,
  ...alterCommands,
  ...keyCommands,
  ...keyNameCommands,
  ...conditionalKeyCommands,
  ...listCommands,
  ...instanceCommands,
  ...definitionCommands,
  ...lockCommands,
  ...changeCommands,
}
