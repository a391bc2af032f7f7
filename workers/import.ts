// The entry of the threads that parse what is imported. Stateless: a chunk of a file comes, transferred, and what is on its
// lines leaves.
import { type ParsedLine, type ParseTask, parseChunk } from '../src/transfer/parse.ts'

export default (task: ParseTask): ParsedLine[] => parseChunk(task)
