// Keeps the heap of a device's process small: it runs for months and computes little, so it goes without the compilers
// of V8, which would cost 13 MiB, grows in small steps, and is collected before it has grown by much.

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const FLAGS = ["--no-opt", "--no-sparkplug", "--optimize-for-size", "--expose-gc"];
const LOOK_INTERVAL_MS = 2_000;
/** V8 by itself lets it grow by more, and gives back less. A collection takes some ten milliseconds. */
const GROWTH_BYTES_MAX = 2 * 1024 * 1024;

/** For as long as the process lives. What is delivered meanwhile is the loop's, which is a process of its own. */
export function keepHeapSmall(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
  const collect: () => void = runInNewContext("gc");
  const look = collectsGrowth(() => getHeapStatistics().used_heap_size, collect);
  setInterval(look, LOOK_INTERVAL_MS).unref();
}

/** Each call collects if there is much more than the least that was seen since the last collection. */
export function collectsGrowth(usedBytes: () => number, collect: () => void): () => void {
  let leastBytes = Number.POSITIVE_INFINITY;
  return () => {
    const bytes = usedBytes();
    leastBytes = Math.min(leastBytes, bytes);
    if (bytes - leastBytes < GROWTH_BYTES_MAX) return;
    collect();
    leastBytes = usedBytes();
  };
}
