// Being told to stop: the first signal asks, the second one does not wait. A terminal or a reader of our lines
// that goes away is no reason to stop by itself, nor to stop badly.

import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Resolves with the name of the first signal; the second ends the process, whose loop then opens the outputs. SIGUSR2 asks
 * only where `idle` says at that moment that nobody is being served: it comes from who would put a new release in our place.
 */
export function untilStopped(idle?: () => boolean): Promise<string> {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  return new Promise((resolve) => {
    let asked = false;
    for (const name of SIGNALS) {
      process.on(name, () => {
        // The exit code of a process that a signal ended, as a shell counts it.
        if (asked) process.exit(128 + constants.signals[name]);
        asked = true;
        resolve(name);
      });
    }
    if (idle === undefined) return;
    process.on("SIGUSR2", () => {
      if (asked || !idle()) return;
      asked = true;
      resolve("SIGUSR2");
    });
  });
}
