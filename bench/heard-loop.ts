// A loop host of which somebody else hears every report, before the device does.

import type { LoopHost, LoopReport } from "../hal/loop-host.ts";

export function heardLoop(
  loop: LoopHost,
  onReport: ((report: LoopReport) => void) | undefined,
): LoopHost {
  if (onReport === undefined) return loop;
  return {
    ...loop,
    onReport: (listener) => {
      loop.onReport((report) => {
        onReport(report);
        listener(report);
      });
    },
  };
}
