// Waiting for receipts that may come to this process or to another of the same identity: both keep them in
// the one journal, so that is where we look; and after a while we ask the device to send them here.

import type { Dealer } from "../firmware/consumer/dealer.ts";
import type { Purchase } from "../firmware/consumer/purchase.ts";
import { fail, ok, type Result } from "../firmware/result.ts";
import { sleep } from "../hal/clock.ts";
import { openSystemClock } from "../hal/linux/system-clock.ts";
import type { Buyer } from "./consumer.ts";

const LOOK_MS = 100;
const ASK_MS = 3_000;
const WAIT_MS = 15_000;

/** The order as soon as it is as wanted. Errors: the device's, `timed-out`. */
export async function awaitReceipts(
  { consumer }: Buyer,
  dealer: Dealer,
  purchase: Purchase,
  isWanted: (purchase: Purchase) => boolean,
): Promise<Result<Purchase>> {
  const clock = openSystemClock();
  const startMs = clock.monotonicMs();
  let askAtMs = startMs + ASK_MS;
  for (;;) {
    const now = (await consumer.purchases.get(purchase.id)) ?? purchase;
    if (isWanted(now)) return ok(now);
    const nowMs = clock.monotonicMs();
    if (nowMs >= startMs + WAIT_MS) {
      return fail(
        "timed-out",
        `the receipt is not here yet: sluice status ${purchase.id} asks for it`,
      );
    }
    if (nowMs >= askAtMs) {
      askAtMs = nowMs + ASK_MS;
      const standing = await dealer.standing(now);
      if (!standing.ok) return standing;
    }
    await sleep(clock, LOOK_MS);
  }
}
