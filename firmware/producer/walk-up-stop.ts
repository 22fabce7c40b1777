// The stop button, where the metering loop had not heard yet of what it was to stop: else the loop has ended it by itself.

import type { Delivery } from "./delivery.ts";
import type { Journal } from "./journal.ts";

/** Ends what was begun at the board and runs on this outlet. */
export async function stopBegun(
  { journal, delivery }: { journal: Journal; delivery: Delivery },
  outlet: string,
): Promise<void> {
  for (const one of [...journal.orders()]) {
    if (one.atBoard !== true || one.outlet !== outlet || one.running === undefined) continue;
    await delivery.end(one, "customer-button");
  }
}
