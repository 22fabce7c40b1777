// Collects the garbage of the loop's process while nothing is delivered: the heap stays as small as it was at the
// start, and V8 finds no reason to collect all of it in the middle of a delivery. Needs --expose-gc.

import type { LoopChannel } from "./loop-channel.ts";

/** A sale leaves some 25 KiB in the old generation. */
const SESSIONS_MAX = 32;

/** The channel, with an eye on how many sessions run. */
export function collectWhenQuiet(channel: LoopChannel): LoopChannel {
  const running = new Set<string>();
  let stopped = SESSIONS_MAX;
  const collect = (): void => {
    if (running.size > 0 || stopped < SESSIONS_MAX) return;
    stopped = 0;
    globalThis.gc?.();
  };
  // What the start has left behind.
  setImmediate(collect);
  return {
    ...channel,
    onCommand: (listener) =>
      channel.onCommand((command) => {
        if (command.do === "grant") running.add(command.session);
        listener(command);
      }),
    report: (report) => {
      channel.report(report);
      if (report.on !== "stopped") return;
      running.delete(report.session);
      stopped += 1;
      setImmediate(collect);
    },
  };
}
