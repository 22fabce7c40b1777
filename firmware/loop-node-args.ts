// Options of Node for the metering loop's process, which has 48 MiB to keep to and a cut-off that nothing may hold up.

/**
 * The optimising compiler is kept for what runs tens of thousands of times, that is for the way of a pulse, which it
 * leaves without garbage; the rest stays small, and goes without the other compiler. A small young generation is collected in a fraction of a millisecond.
 */
export const LOOP_NODE_ARGS: readonly string[] = [
  "--interrupt-budget=20000000",
  "--max-semi-space-size=1",
  "--no-sparkplug",
  // For collections between sessions (hal/linux/quiet-collection.ts).
  "--expose-gc",
];
