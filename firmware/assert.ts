// Assertions say what must hold if our own code is right. A failed one is a bug of ours: the process opens
// its outputs and ends. Bad input is never asserted about; it is answered with a Fault.

export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${why}`);
}

/** For the branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected ${JSON.stringify(value)}`);
}
