// The loop's reports while a device is put together: kept for whoever listens later, and the first of them told of, with
// which the outputs are known to be safe.

import type { LoopHost, LoopReport } from "../hal/loop-host.ts";

/** `hear` is told of each report, too, after whoever listens. */
export function watchFirstReport(
  loop: LoopHost,
  hear: (report: LoopReport) => void,
): { host: LoopHost; ready: Promise<void> } {
  let listener: ((report: LoopReport) => void) | undefined;
  const early: LoopReport[] = [];
  let tell: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    tell = resolve;
  });
  loop.onReport((report) => {
    if (report.on === "ready") tell();
    if (listener === undefined) early.push(report);
    else listener(report);
    hear(report);
  });
  const host: LoopHost = {
    send: (command) => loop.send(command),
    close: () => loop.close(),
    onReport: (next) => {
      listener = next;
      for (const report of early.splice(0)) next(report);
    },
  };
  return { host, ready };
}
