// JSON pointers (RFC 6901), with which a refusal says where in a definition its fault is. Owns no state; whoever reads
// something that a user wrote builds them.

/** One step further along a pointer; the root is the empty pointer. */
export function child(pointer: string, name: string): string {
  return `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
