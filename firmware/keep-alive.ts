// Whether a watchdog is to be fed: on each report of the loop, as long as no outlet is out of hand. A loop that says
// nothing feeds nothing. What a new start did not mend is not tried a second time: who watches would do nothing else.

import type { LoopReport } from "../hal/loop-host.ts";
import type { Log } from "./log.ts";

/** Hears what the loop reports, and calls `feed` while whoever would start us anew has no reason to. */
export function openKeepAlive(feed: () => void, log: Log): (report: LoopReport) => void {
  /** Outlets that were in hand at some time since we started. */
  const known = new Set<string>();
  let withheld = "";
  return (report) => {
    if (report.on !== "ready" && report.on !== "alive") return;
    const lost: string[] = [];
    for (const { outlet, runaway } of report.outlets) {
      if (runaway !== true) known.add(outlet);
      else if (known.has(outlet)) lost.push(outlet);
    }
    const now = lost.join(", ");
    if (now !== withheld) {
      withheld = now;
      if (now === "") log("info", "watchdog-fed");
      else log("error", "watchdog-withheld", { outlets: now });
    }
    if (now === "") feed();
  };
}
