// Which moments of an upgrade lose power: flush boundaries, some spread over the whole of it, most around the switch.

import { FLUSH, type WriteLog } from "./write-log.ts";

/** Entries in front of which the power is cut: at a flush, and something was written since the one before it. */
export function flushBoundaries(log: WriteLog, from: number, to: number): number[] {
  const boundaries: number[] = [];
  let written = false;
  for (let index = from; index < to; index += 1) {
    const flags = log.entries[index]?.flags ?? 0;
    if (flags & FLUSH && written) {
      boundaries.push(index);
      written = false;
    }
    if ((log.entries[index]?.sectors ?? 0) > 0) written = true;
  }
  return boundaries;
}

/**
 * `count` of the boundaries, at least 4, in order: half of them next to one of `switches`, the others at even distances with
 * the first and the last. All of them where there are no more.
 */
export function chooseCuts(
  boundaries: readonly number[],
  switches: readonly number[],
  count: number,
): number[] {
  if (boundaries.length <= count) return [...boundaries];
  const near = nearest(boundaries, switches, Math.floor(count / 2));
  const others = boundaries.filter((at) => !near.includes(at));
  const steps = count - near.length - 1;
  const chosen = [...near];
  for (let step = 0; step <= steps; step += 1) {
    const at = others[Math.round((step * (others.length - 1)) / steps)];
    if (at !== undefined) chosen.push(at);
  }
  return chosen.sort((a, b) => a - b);
}

/** The first flush after entry `from`, which may be one itself; the end of the log where none follows. */
export function nextFlush(log: WriteLog, from: number): number {
  for (let index = from + 1; index < log.entries.length; index += 1)
    if ((log.entries[index]?.flags ?? 0) & FLUSH) return index;
  return log.entries.length;
}

/** `count` of the boundaries: those at `switches`, the ones before them, the ones after them, and so on outwards. */
export function nearest(
  boundaries: readonly number[],
  switches: readonly number[],
  count: number,
): number[] {
  const places = switches.map((at) => boundaries.filter((each) => each < at).length);
  const rank = (place: number) =>
    Math.min(...places.map((at) => (place < at ? 2 * (at - place) - 1 : 2 * (place - at))));
  return boundaries
    .map((at, place) => ({ at, rank: rank(place) }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ at }) => at);
}
