// Who decides which command: exhaustive by type over the commands that shards run. Imported by the shard alone.
import type { CommandsOn, Target } from '../protocol/commands.ts'
import { alterCommands } from './alter.ts'
import type { Deciders } from './decide.ts'
import { recordCommands } from './records.ts'
import { replaceCommands } from './replace.ts'
import { stateCommands } from './states.ts'

export type ShardCommand = CommandsOn<Target>

export const deciders = {
  ...stateCommands,
  ...recordCommands,
  ...replaceCommands,
  ...alterCommands,
} as Deciders<ShardCommand>
